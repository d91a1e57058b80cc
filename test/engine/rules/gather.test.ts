import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binding } from '../../../src/engine/backend.js';
import { TrainbookError } from '../../../src/error.js';
import type { Call } from './tensorflow.js';
import { executed, expectRefused, expectSame, inferred, ruleOf, scalar, tensor, vector } from './tensorflow.js';

function expectAgrees(call: Call): void {
  if (executed(call) instanceof Error) expectRefused(call);
  else expectSame(call);
}

const indices = (shape: readonly number[]): ReturnType<typeof tensor> => tensor(shape, 'int32');

describe('gathering', () => {
  it('GatherV2 looks rows up', () => {
    const gather = (params: readonly number[], at: readonly number[], axis: number, batchDims = 0): Call => ({
      op: 'GatherV2',
      inputs: [tensor(params), indices(at), scalar(axis)],
      attributes: { batch_dims: { int: batchDims } },
    });
    expectSame(gather([5, 3], [2, 4], 0));
    expectSame(gather([5, 3], [], 0));
    expectSame(gather([5, 3], [0], 1));
    expectSame(gather([2, 5, 3], [4], -1));
    expectSame(gather([2, 5, 3], [2, 4], 1, 1));
    expectSame(gather([2, 5, 3], [2, 4], 2, 1));
    expectSame(gather([2, 5, 3], [2, 5, 4], 2, 2));
    expectSame(gather([2, 5, 3], [2, 4], 1, -1));
    expectRefused(gather([5, 3], [2], 2));
    expectRefused(gather([5, 3], [2], -3));
    expectRefused(gather([], [2], 0));
    expectRefused(gather([2, 5, 3], [3, 4], 1, 1), 'the first 1 sizes differ');
    expectRefused(gather([2, 5, 3], [2, 4], 0, 1));
    expectRefused(gather([2, 5, 3], [2, 4], 2, 3));
    expectRefused({ op: 'GatherV2', inputs: [tensor([5, 3]), tensor([2]), scalar(0)] });
  });

  it('GatherNd takes places', () => {
    for (const at of [[4, 2], [2], [1, 3], [0], [2, 0], [4, 1]])
      expectSame({ op: 'GatherNd', inputs: [tensor([4, 5, 6]), indices(at)] });
    expectRefused({ op: 'GatherNd', inputs: [tensor([4, 5, 6]), indices([2, 4])] });
    expectRefused({ op: 'GatherNd', inputs: [tensor([4, 5, 6]), indices([])] });
  });
});

describe('scattering', () => {
  const shapes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
  const filledShapes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });

  it('ScatterNd puts updates into zeros', () => {
    const scatter = (at: readonly number[], updates: readonly number[], shape: readonly number[]): Call => ({
      op: 'ScatterNd',
      inputs: [indices(at), tensor(updates), vector(shape)],
    });
    expectSame(scatter([4, 1], [4], [8]));
    expectSame(scatter([2, 1], [2, 4, 4], [4, 4, 4]));
    expectSame(scatter([2, 3, 2], [2, 3, 5], [4, 4, 5]));
    expectSame(scatter([0, 1], [0], [3]));
    expectRefused(scatter([4, 1], [3], [8]));
    expectRefused(scatter([4, 2], [4], [8]));
    expectRefused(scatter([4, 1], [4], [-8]));
    expectRefused(scatter([0, 0], [0, 2], [2]));
    fc.assert(
      fc.property(shapes, shapes, filledShapes, (at, updates, shape) => {
        const call = scatter(at, updates, shape);
        // With fewer axes in the updates than the indices have places, TensorFlow ends the process (a failed CHECK).
        if (at.length < 2 || updates.length < at.length - 1) expect(inferred(call)).toBeInstanceOf(TrainbookError);
        else expectAgrees(call);
      }),
      { numRuns: 300 },
    );
  });

  it('ScatterNd with too few axes is refused before TensorFlow, which would end the process', () => {
    const ids = [indices([4, 1]), tensor([]), vector([8])].map(({ spec, data }) => binding.addHost(spec, data));
    const attributes = { T: { type: 'float32' }, Tindices: { type: 'int32' } } as const;
    expect(() => binding.run('ScatterNd', ids, attributes, 1)).toThrow(TrainbookError);
    for (const id of ids) binding.deleteTensor(id);
  });

  it.each(['TensorScatterUpdate', 'TensorScatterAdd', 'TensorScatterSub', 'TensorScatterMax', 'TensorScatterMin'])(
    '%s',
    (op) => {
      const scatter = (shape: readonly number[], at: readonly number[], updates: readonly number[]): Call => ({
        op,
        inputs: [tensor(shape), indices(at), tensor(updates)],
      });
      expectSame(scatter([8], [4, 1], [4]));
      expectSame(scatter([4, 5], [2, 1], [2, 5]));
      expectSame(scatter([4, 5], [3, 2], [3]));
      expectSame(scatter([4, 5], [0, 1], [0, 5]));
      expectRefused(scatter([8], [4, 1], [3]));
      expectRefused(scatter([8], [4, 2], [4]));
      expectRefused(scatter([], [1, 0], [1]));
    },
  );

  it('UnsortedSegmentSum folds rows', () => {
    const segment = (op: string, data: readonly number[], ids: readonly number[], count: number): Call => ({
      op,
      inputs: [tensor(data), indices(ids), scalar(count)],
    });
    for (const op of ['UnsortedSegmentSum', 'UnsortedSegmentProd', 'UnsortedSegmentMax', 'UnsortedSegmentMin']) {
      expectSame(segment(op, [4, 3], [4], 5));
      expectSame(segment(op, [2, 4, 3], [2, 4], 5));
      expectSame(segment(op, [0, 3], [0], 5));
      expectRefused(segment(op, [4, 3], [3], 5));
      expectRefused(segment(op, [4], [4, 3], 5));
      expectRefused(segment(op, [4, 3], [4], -1));
    }
    expectSame(segment('UnsortedSegmentSum', [0, 3], [0], 0));
    const error = inferred({ op: 'UnsortedSegmentSum', inputs: [tensor([4, 3]), indices([4]), tensor([], 'int32')] });
    expect((error as Error).message).toContain('`num_segments` is not known while tracing');
    expect(ruleOf('UnsortedSegmentSum').flops?.([{ dtype: 'float32', shape: [4, 3] }], [], {})).toBe(12);
  });

  it('OneHot adds an axis', () => {
    const oneHot = (shape: readonly number[], depth: number, axis: number): Call => ({
      op: 'OneHot',
      inputs: [indices(shape), scalar(depth), scalar(1, 'float32'), scalar(0, 'float32')],
      attributes: { axis: { int: axis } },
    });
    for (const axis of [-1, 0, 1, 2]) expectSame(oneHot([2, 3], 4, axis));
    expectSame(oneHot([], 4, -1));
    expectSame(oneHot([2], 0, -1));
    expectRefused(oneHot([2, 3], 4, 3));
    expectRefused(oneHot([2, 3], 4, -2));
    expectRefused(oneHot([2, 3], -1, -1));
  });

  it('SparseToDense puts values at places', () => {
    const dense = (at: readonly number[], values: readonly number[], shape: readonly number[]): Call => ({
      op: 'SparseToDense',
      inputs: [indices(at), vector(shape), tensor(values), scalar(0, 'float32')],
      attributes: { validate_indices: { bool: false } },
    });
    expectSame(dense([3, 2], [3], [4, 5]));
    expectSame(dense([3, 2], [], [4, 5]));
    expectSame(dense([3], [3], [4]));
    expectSame(dense([], [], [4]));
    expectRefused(dense([3, 2], [3], [4]));
    expectRefused(dense([3, 2], [2], [4, 5]));
    expectRefused(dense([3, 2, 1], [3], [4, 5]));
  });
});
