import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { customGradient, vectorJacobian } from '../engine/custom-gradient.js';
import { activeRecorder } from '../engine/recorder.js';
import { rowOf, writeRow } from '../engine/scan.js';
import type { Blocks } from './dispatch.js';
import { gated } from './mlp.js';

// Legend: E = experts, C = rows of each; matrices are gate and up [E, width, hidden], and down [E, hidden, width].

/** SwiGLU of each expert's rows: [E × C, width] → the same. */
export function throughExperts(matrices: readonly tf.Tensor[], xs: tf.Tensor): tf.Tensor {
  const [gate, up, down] = matrices as [tf.Tensor, tf.Tensor, tf.Tensor];
  const byExpert = tf.reshape(xs, [gate.shape[0], -1, xs.shape[1] ?? 0]); // [E, C, width]
  const inner = gated(tf.matMul(byExpert, gate), tf.matMul(byExpert, up)); // [E, C, hidden]
  return tf.reshape(tf.matMul(inner, down), xs.shape);
}

/** What blocks of rows become, and the matrices for all that is computed by the same experts beside them. */
export interface ThroughBlocks {
  readonly ys: tf.Tensor; // [blocks, rows, width]
  readonly matrices: readonly tf.Tensor[];
}

/**
 * SwiGLU of blocks of rows, each by its own expert: [blocks, rows, width] → the same, for as many as are needed; 0 for the others.
 *
 * How many these are is known only when it runs: a loop, whose gradient is the same loop over each block's own, so that of a matrix is added
 * to where the block's expert stands. Nothing is kept between the two; a block is computed again in the backward pass. Like the grouped
 * products of MegaBlocks: Gale 2022 (2211.15841).
 *
 * The matrices come back as they are: what is computed with these has its gradient before the loop of the backward pass begins, which
 * adds to it, in place of a second set of sums as large as the experts.
 */
export function throughBlocks(
  matrices: readonly tf.Tensor[],
  xs: tf.Tensor,
  { owners, count }: Pick<Blocks, 'owners' | 'count'>,
): ThroughBlocks {
  const one = (rows: tf.Tensor, own: readonly tf.Tensor[]): tf.Tensor =>
    throughExperts(
      own.map((matrix) => tf.expandDims(matrix, 0)),
      rows,
    );
  if (activeRecorder() === undefined) return { ys: eagerly(matrices, xs, { owners, count }, one), matrices };
  const first = tf.scalar(0, 'int32');
  const isNeeded = ([block]: readonly tf.Tensor[]): tf.Tensor => tf.less(block as tf.Tensor, count);
  const next = (block: tf.Tensor): tf.Tensor => tf.add(block, tf.scalar(1, 'int32'));
  const [ys, ...same] = customGradient(
    [xs, ...matrices],
    () => {
      const [, written] = loop(
        isNeeded,
        ([block, before]) => {
          const at = block as tf.Tensor;
          const expert = rowOf(owners, at);
          const own = matrices.map((matrix) => rowOf(matrix, expert));
          return [next(at), writeRow(before as tf.Tensor, at, one(rowOf(xs, at), own))];
        },
        [first, tf.zerosLike(xs)],
        { name: 'expert_blocks' },
      );
      return [written as tf.Tensor, ...matrices.map((matrix) => tf.clone(matrix))];
    },
    ([dys, ...dMatrices]) =>
      loop(
        isNeeded,
        ([block, dxs, ...sums]) => {
          const at = block as tf.Tensor;
          const expert = rowOf(owners, at);
          const [rows, ...own] = [rowOf(xs, at), ...matrices.map((matrix) => rowOf(matrix, expert))];
          const dy = rowOf(dys as tf.Tensor, at);
          const [dRows, ...dOwn] = vectorJacobian(() => [one(rows, own)], [rows, ...own], [dy]);
          return [
            next(at),
            writeRow(dxs as tf.Tensor, at, dRows as tf.Tensor),
            ...sums.map((sum, index) => writeRow(sum, expert, tf.add(rowOf(sum, expert), dOwn[index] as tf.Tensor))),
          ];
        },
        [first, tf.zerosLike(xs), ...dMatrices],
        { name: 'expert_blocks_backward' },
      ).slice(1),
  );
  return { ys: ys as tf.Tensor, matrices: same };
}

/** Outside a compiled function the blocks simply run, and tfjs's own gradients hold. */
function eagerly(
  matrices: readonly tf.Tensor[],
  xs: tf.Tensor,
  { owners, count }: Pick<Blocks, 'owners' | 'count'>,
  one: (rows: tf.Tensor, own: readonly tf.Tensor[]) => tf.Tensor,
): tf.Tensor {
  const experts = [...owners.dataSync()].slice(0, count.dataSync()[0]);
  const ys = experts.map((expert, block) =>
    one(
      rowOf(xs, tf.scalar(block, 'int32')),
      matrices.map((matrix) => rowOf(matrix, tf.scalar(expert, 'int32'))),
    ),
  );
  const [blocks = 0, ...shape] = xs.shape;
  const others = tf.zeros([blocks - ys.length, ...shape]);
  return ys.length === 0 ? others : tf.concat([tf.stack(ys), others]);
}
