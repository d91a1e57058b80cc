import { describe } from 'vitest';
import { logical } from '../../../src/engine/stablehlo/logical.js';
import type { DType } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bfloat16, bools, floats, integers, special, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const of = (...inputs: Given[]): Case => ({ inputs });
const comparisons = [
  of(spread([3, 4]), spread([4], -1, 1)),
  of(integers([5], 1, 2, 3, -1, 0), integers([5], 2, 2, 2, -1, -7)),
  of(special, floats([8], NaN, Infinity, 0, -0, 0, 0, 1, -2.5)),
  of(floats([], 0.25), spread([2, 3])),
];
const [yes, no] = [spread([2, 3]), spread([2, 3], 10, 20)];
const mask = bools([2, 3], 1, 0, 0, 1, 1, 0);
const words: Given = { dtype: 'uint32', shape: [3], elements: Uint32Array.of(0xdeadbeef, 7, 0x80000000) };
const shifts: Given = { dtype: 'uint32', shape: [3], elements: Uint32Array.of(4, 1, 31) };
const [signed, signedShifts] = [integers([4], -16, 16, -1, 2147483647), integers([4], 2, 2, 31, 1)];
const logic = [of(bools([4], 0, 0, 1, 1), bools([4], 0, 1, 0, 1)), of(mask, bools([3], 1, 0, 1))];
const bits = [of(words, shifts), of(signed, signedShifts)];
const cast = (given: Given, to: DType): Case => ({ inputs: [given], attributes: { DstT: { type: to } } });
const bitcast = (given: Given, to: DType): Case => ({ inputs: [given], attributes: { type: { type: to } } });

describe.skipIf(plugin.path === undefined)(`logical rules (plugin: ${plugin.reason})`, () => {
  testRules(logical, {
    Bitcast: [
      bitcast(spread([2, 3]), 'int32'),
      bitcast(words, 'float32'),
      bitcast(words, 'uint8'),
      bitcast({ ...words, shape: [1, 2], elements: words.elements.slice(0, 2) }, 'uint64'),
    ],
    BitwiseAnd: bits,
    BitwiseOr: bits,
    BitwiseXor: bits,
    Cast: [
      cast(floats([6], 1.9, -1.9, 0.5, -0.5, 0, 3e8), 'int32'),
      cast(special, 'bool'),
      cast(floats([3], 0.1, 0, -7), 'bool'),
      cast(mask, 'float32'),
      cast(mask, 'int32'),
      cast(integers([3], 0, -3, 2), 'bool'),
      cast(signed, 'float32'),
      cast(signed, 'uint8'),
      cast(words, 'float32'),
      cast(words, 'uint64'),
      cast(spread([9], -300, 300), 'bfloat16'),
      cast(bfloat16(spread([9], -300, 300)), 'float32'),
      cast(spread([9], -300, 300), 'float16'),
      cast(spread([3]), 'float32'),
    ],
    Equal: [...comparisons, ...logic],
    Greater: comparisons,
    GreaterEqual: comparisons,
    Invert: [of(words), of(signed)],
    LeftShift: bits,
    Less: comparisons,
    LessEqual: comparisons,
    LogicalAnd: logic,
    LogicalNot: [of(mask)],
    LogicalOr: logic,
    NotEqual: [...comparisons, ...logic],
    RightShift: bits,
    Select: [of(mask, yes, no), of(bools([2], 1, 0), yes, no), of(bools([], 0), yes, no)],
    SelectV2: [of(mask, yes, no), of(bools([3], 1, 0, 1), yes, floats([], -1)), of(bools([2, 1], 1, 0), yes, no)],
  });
});
