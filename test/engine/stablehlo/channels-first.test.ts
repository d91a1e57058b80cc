import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../src/engine/trace.js';
import { plugin } from '../pjrt/cpu-plugin.js';
import { joined, oneOp, runByPjrt, spread } from './one-op.js';
import type { Case, Given } from './one-op.js';

/** Axes of images: [batch, height, width, channels] to [batch, channels, height, width], and back. */
const [toFirst, toLast] = [
  [0, 3, 1, 2],
  [0, 2, 3, 1],
] as const;

/** The tensor with its axes in another order. */
function transposed({ dtype, shape, elements }: Given, order: readonly number[]): Given {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const moved = order.map((axis) => shape[axis] ?? 0);
  const size = moved.reduce((product, length) => product * length, 1);
  const values = Float32Array.from({ length: size }, (_, place) => {
    let [rest, from] = [place, 0];
    for (let axis = order.length - 1; axis >= 0; axis--) {
      const length = moved[axis] ?? 1;
      from += (rest % length) * (strides[order[axis] ?? 0] ?? 0);
      rest = Math.floor(rest / length);
    }
    return Number(elements[from]);
  });
  return { dtype, shape: moved, elements: values };
}

const x = spread([2, 4, 6, 8]);
const filter = spread([3, 2, 8, 3], -1, 1, 5);
/** A number for height and width, at their axes. */
const inSpace = (height: number, width: number) => (first: boolean) => ({
  ints: first ? [1, 1, height, width] : [1, height, width, 1],
});

/** An op with the names of what it is told; lists of four have the order of the images' axes. */
const uses: readonly { op: string; more?: readonly Given[]; attributes: (first: boolean) => Attributes }[] = [
  {
    op: 'Conv2D',
    more: [filter],
    attributes: (first) => ({
      padding: { string: 'SAME' },
      strides: inSpace(2, 1)(first),
      dilations: inSpace(1, 2)(first),
    }),
  },
  ...['MaxPool', 'AvgPool'].map((op) => ({
    op,
    attributes: (first: boolean): Attributes => ({
      padding: { string: 'SAME' },
      ksize: inSpace(3, 2)(first),
      strides: inSpace(1, 2)(first),
    }),
  })),
  ...['DepthToSpace', 'SpaceToDepth'].map((op) => ({ op, attributes: () => ({ block_size: { int: 2 } }) })),
  {
    op: 'FusedBatchNorm',
    more: [1, 2].map((offset) => spread([8], -1, 1, offset)).concat([spread([0]), spread([0])]),
    attributes: () => ({ is_training: { bool: true } }),
  },
];

describe.skipIf(plugin.path === undefined)(`channels first (plugin: ${plugin.reason})`, () => {
  it('gives what channels last give, in the other order: TensorFlow has it for GPUs only', async () => {
    const cases = uses.flatMap(({ op, more = [], attributes }) =>
      [false, true].map((first): { op: string; given: Case } => ({
        op,
        given: {
          inputs: [first ? transposed(x, toFirst) : x, ...more],
          attributes: { ...attributes(first), data_format: { string: first ? 'NCHW' : 'NHWC' } },
        },
      })),
    );
    const outputs = await runByPjrt(
      joined(cases),
      cases.flatMap(({ given }) => given.inputs),
    );
    let next = 0;
    const [firstOf, specs] = [[] as number[], cases.map(({ op, given }) => oneOp(op, given))];
    for (const { outputs: results } of specs) {
      firstOf.push(next);
      next += results.length;
    }
    uses.forEach(({ op }, index) => {
      const result = (place: number): Given => {
        const trace = specs[place];
        const spec = trace?.values[trace.outputs[0] ?? -1] ?? { dtype: 'float32', shape: [] };
        return { ...spec, elements: outputs[firstOf[place] ?? -1] ?? new Float32Array() };
      };
      const [last, first] = [result(2 * index), transposed(result(2 * index + 1), toLast)];
      expect(first.shape, op).toEqual(last.shape);
      Array.from(last.elements, Number).forEach((number, place) => {
        expect(Number(first.elements[place]), op).toBeCloseTo(number, 4);
      });
    });
  });
});
