import { describe } from 'vitest';
import { random } from '../../../src/engine/stablehlo/random.js';
import type { DType } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { known, knownScalar, testRules } from './one-op.js';
import type { Case } from './one-op.js';

/** All words equal to TensorFlow's: the generator, and how its counter runs over the elements. */
const draw = (shape: number[], dtype: DType, key: bigint, counter: [bigint, bigint]): Case => ({
  inputs: [
    known(...shape),
    { dtype: 'uint64', shape: [1], elements: BigUint64Array.of(key) },
    { dtype: 'uint64', shape: [2], elements: BigUint64Array.from(counter) },
    knownScalar(1),
  ],
  attributes: { dtype: { type: dtype } },
});
const last = 0xffffffffffffffffn;

describe.skipIf(plugin.path === undefined)(`random rules (plugin: ${plugin.reason})`, () => {
  testRules(random, {
    StatelessRandomUniformFullIntV2: [
      draw([4], 'uint32', 0n, [0n, 0n]),
      draw([7, 3], 'uint32', 0x123456789abcdef0n, [5n, 9n]),
      draw([1000], 'uint32', 42n, [0n, 0n]),
      draw([9], 'int32', 42n, [7n, 1n]),
      draw([9], 'uint64', 42n, [7n, 1n]),
      draw([2, 3], 'int64', last, [last, last]),
      draw([40], 'uint32', 1n, [0xfffffffcn, 0n]),
      draw([40], 'uint32', 1n, [last - 3n, 3n]),
      draw([], 'uint32', 3n, [1n, 0n]),
    ],
  });
});
