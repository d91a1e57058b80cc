import { describe } from 'vitest';
import { shapes } from '../../../src/engine/stablehlo/shape.js';
import { slices } from '../../../src/engine/stablehlo/slice.js';
import type { Attributes } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { bools, floats, integers, known, knownScalar, oneOp, spread, testRules } from './one-op.js';
import type { Case, Given } from './one-op.js';

const x = spread([2, 3, 4]);
const one = spread([2, 1, 4]);
const mask = bools([2, 3], 1, 0, 0, 1, 1, 0);
const of = (...inputs: Given[]): Case => ({ inputs });
const given = (inputs: Given[], attributes: Attributes): Case => ({ inputs, attributes });
const fixed = (value: Given): Given => ({ ...value, known: true });

/** begin, end and strides of x[…]; the masks are bits, the first entry the lowest. */
const strided = (begin: number[], end: number[], strides: number[], masks: Record<string, number> = {}): Case =>
  given(
    [x, known(...begin), known(...end), known(...strides)],
    Object.fromEntries(
      ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'].map((name) => [
        name,
        { int: masks[name] ?? 0 },
      ]),
    ),
  );
const strides = [
  strided([0, 1, 1], [2, 3, 3], [1, 1, 1]),
  strided([0, -2, 0], [2, -1, 4], [1, 1, 3]),
  strided([0, 2, 3], [2, 0, 0], [1, -1, -2]),
  strided([0, 0, 0], [0, 0, 0], [-1, 1, -1], { begin_mask: 5, end_mask: 7 }),
  strided([1, 0], [2, 2], [1, 1], { shrink_axis_mask: 1 }),
  strided([-1, -1, -1], [0, 0, 0], [1, 1, 1], { shrink_axis_mask: 7 }),
  strided([0, 0, 1], [0, 0, 3], [1, 1, 1], { ellipsis_mask: 1, new_axis_mask: 2 }),
  strided([0, 0, 0], [1, 0, 2], [1, 1, 1], { ellipsis_mask: 2 }),
  strided([2, 0, 0], [1, 3, 9], [1, 1, 1]),
  strided([-9, 0], [9, 9], [1, 2]),
];

/** The gradient of the same slice. */
function gradient(of: Case): Case {
  const [, ...ranges] = of.inputs;
  const shape = oneOp('StridedSlice', of).values[4]?.shape ?? [];
  return { ...of, inputs: [known(...x.shape), ...ranges, spread(shape, -1, 1, 6)] };
}
const paddings = fixed(integers([3, 2], 1, 0, 0, 2, 1, 1));

describe.skipIf(plugin.path === undefined)(`shape rules (plugin: ${plugin.reason})`, () => {
  testRules(shapes, {
    BroadcastArgs: [of(integers([3], 2, 1, 4), integers([2], 3, 1)), of(integers([1], 1), integers([2], 3, 5))],
    BroadcastTo: [of(one, known(5, 2, 3, 4)), of(floats([], 3), known(2, 2)), of(mask, known(2, 2, 3))],
    ConcatV2: [
      given([x, one, knownScalar(1)], { N: { int: 2 } }),
      given([x, x, x, knownScalar(-1)], { N: { int: 3 } }),
      given([mask, mask, knownScalar(0)], { N: { int: 2 } }),
    ],
    Diag: [of(spread([3])), of(spread([2, 2])), of(integers([2], 5, 6))],
    ExpandDims: [of(x, knownScalar(0)), of(x, knownScalar(-1))],
    Fill: [of(known(2, 3), floats([], 1.5)), of(known(2), integers([], -4)), of(known(), bools([], 1))],
    LinSpace: [of(floats([], -1), floats([], 2), knownScalar(7)), of(floats([], 3), floats([], 5), knownScalar(1))],
    MirrorPad: ['REFLECT', 'SYMMETRIC'].map((mode) => given([x, paddings], { mode: { string: mode } })),
    Pack: [
      given([x, x], { N: { int: 2 }, axis: { int: 0 } }),
      given([mask, mask, mask], { N: { int: 3 }, axis: { int: -1 } }),
    ],
    Pad: [of(x, paddings)],
    PadV2: [of(x, paddings, floats([], 9)), of(integers([2], 1, 2), fixed(integers([1, 2], 1, 2)), integers([], -1))],
    Range: [
      of(fixed(integers([], 2)), fixed(integers([], 11)), fixed(integers([], 3))),
      of(fixed(floats([], 5)), fixed(floats([], 0)), fixed(floats([], -0.5))),
    ],
    Rank: [of(x)],
    Reshape: [of(x, known(4, 6)), of(x, known(-1)), of(mask, known(3, -1))],
    ReverseV2: [of(x, known(1)), of(x, known(0, -1)), of(x, known())],
    Roll: [of(x, known(1), known(1)), of(x, known(-5, 2), known(2, 0))],
    Shape: [of(x), given([x], { out_type: { type: 'int64' } })],
    Size: [of(x)],
    Split: [given([knownScalar(1), spread([2, 6])], { num_split: { int: 3 } })],
    SplitV: [
      given([x, known(1, 3), knownScalar(2)], { num_split: { int: 2 } }),
      given([x, known(2, -1), knownScalar(1)], { num_split: { int: 2 } }),
    ],
    Squeeze: [given([one], { squeeze_dims: { ints: [1] } }), given([one], { squeeze_dims: { ints: [] } })],
    Tile: [of(x, known(2, 1, 3)), of(spread([2, 1, 2, 1, 2]), known(1, 3, 1, 2, 2)), of(mask, known(2, 2))],
    Transpose: [of(x, known(2, 0, 1)), of(x, known(0, 1, 2)), of(mask, known(1, 0))],
    Unpack: [given([x], { num: { int: 3 }, axis: { int: 1 } }), given([x], { num: { int: 4 }, axis: { int: -1 } })],
  });

  testRules(slices, {
    Slice: [
      of(x, known(0, 1, 1), known(2, 2, 2)),
      of(x, known(1, 0, 2), known(-1, -1, -1)),
      of(x, integers([3], 1, 0, 2), known(1, 2, 2)),
      of(mask, known(0, 1), known(2, 0)),
    ],
    StridedSlice: strides,
    StridedSliceGrad: strides.map(gradient),
  });
});
