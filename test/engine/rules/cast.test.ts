import { describe, it } from 'vitest';
import type { DType } from '../../../src/engine/trace.js';
import type { Call } from './tensorflow.js';
import { executed, expectRefused, expectSame, isMissingKernel, tensor } from './tensorflow.js';

const dtypes: readonly DType[] = [
  'float32', 'float64', 'bfloat16', 'float16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'complex64',
]; // prettier-ignore

describe('conversions', () => {
  it.each([...dtypes, 'bool'] as const)('Cast of %s', (from) => {
    for (const to of [...dtypes, 'bool'] as const) {
      expectSame({ op: 'Cast', inputs: [tensor([2, 3], from)], attributes: { DstT: { type: to } } });
    }
    expectRefused({ op: 'Cast', inputs: [tensor([2], from)], attributes: { DstT: { type: 'string' } } });
  });

  it.each(dtypes)('Bitcast of %s takes in or adds a last axis', (from) => {
    for (const to of dtypes) {
      for (const shape of [[], [3], [5, 2], [2, 4], [8], [0, 8]]) {
        const call: Call = { op: 'Bitcast', inputs: [tensor(shape, from)], attributes: { type: { type: to } } };
        const truth = executed(call);
        if (isMissingKernel(truth)) continue;
        if (truth instanceof Error) expectRefused(call);
        else expectSame(call);
      }
    }
  });

  it('Bitcast refuses bool', () => {
    expectRefused({ op: 'Bitcast', inputs: [tensor([2], 'bool')], attributes: { type: { type: 'uint8' } } });
    expectRefused({ op: 'Bitcast', inputs: [tensor([2], 'uint8')], attributes: { type: { type: 'bool' } } });
  });

  it('complex numbers come from two parts and go to them', () => {
    expectSame({ op: 'Complex', inputs: [tensor([2, 3]), tensor([2, 3])] });
    expectSame({ op: 'Complex', inputs: [tensor([2, 1]), tensor([3])] });
    expectRefused({ op: 'Complex', inputs: [tensor([2]), tensor([3])] });
    expectRefused({ op: 'Complex', inputs: [tensor([2], 'int32'), tensor([2], 'int32')] });
    for (const op of ['Real', 'Imag', 'Conj', 'ComplexAbs']) {
      for (const shape of [[], [2, 3], [0]]) expectSame({ op, inputs: [tensor(shape, 'complex64')] });
      expectRefused({ op, inputs: [tensor([2], 'int32')] });
    }
  });
});
