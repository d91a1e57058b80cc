import type * as tf from '@tensorflow/tfjs';
import { binding, tensorIds } from '../backend.js';
import { customGradient } from '../custom-gradient.js';
import { op1 } from '../op.js';
import type { DType } from '../trace.js';
import type { Grid, GridAxis, ShardAxis } from './grid.js';
import { layoutOn } from './layout.js';
import type { Sharding } from './sharding.js';

let traced: Grid | undefined;

/** Traces for a grid: `constrain` and `devicesAlong` look at it. */
export function tracedFor<Result>(grid: Grid | undefined, trace: () => Result): Result {
  const outer = traced;
  traced = grid;
  try {
    return trace();
  } finally {
    traced = outer;
  }
}

/** How many devices an axis has on the mesh that is being traced for; 1 without a mesh. */
export function devicesAlong(axis: ShardAxis): number {
  return traced === undefined ? 1 : traced.axesOf(axis).reduce((product, each) => product * along(each), 1);
}

/** Whether it is for a mesh of several devices. */
export function isOnMesh(): boolean {
  return traced !== undefined && traced.size > 1;
}

const along = (axis: GridAxis): number => traced?.along(axis) ?? 1;

/** Whether it is for a mesh with ZeRO's second stage. */
export function sharesGradients(): boolean {
  return traced?.choices.zero === 2;
}

/**
 * x, shared out over the mesh as said at this point of a program, and its gradient too. XLA's partitioner finds the rest between such
 * points by itself; where it would move more than need be, a point in between helps. Without a mesh it is x.
 *
 * @example
 * const y = constrain(tf.matMul(x, weight), sharded('batch', 'tensor'));
 */
export function constrain<Tensor extends tf.Tensor>(x: Tensor, sharding: Sharding): Tensor {
  if (traced === undefined || traced.size === 1) return x;
  const { text } = layoutOn(traced, x.shape, sharding);
  const mark = (value: tf.Tensor): tf.Tensor =>
    op1('XlaSharding', [value], { T: { type: dtypeOf(value) }, sharding: { string: text } });
  const [marked] = customGradient(
    [x],
    () => [mark(x)],
    ([dy]) => (dy === undefined ? [] : [mark(dy)]),
  );
  return marked as Tensor;
}

function dtypeOf(value: tf.Tensor): DType {
  const [id = 0] = tensorIds([value]);
  return binding.specOf(id).dtype;
}
