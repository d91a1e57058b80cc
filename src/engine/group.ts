import type * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';

/** How the tensors of all members become one. */
export type Reduction = 'sum' | 'mean';

/**
 * The processes that train one model together, each with a part of every batch (data parallel). Every member makes the same calls
 * in the same order, with tensors of the same shapes and dtypes; a call resolves when all members have made it. Results are new
 * tensors, which the caller disposes; arguments stay as they are.
 *
 * @example
 * const group = await joinGroup();
 * const averaged = await group.allReduce(gradients, 'mean');
 */
export interface Group {
  /** This process among them, from 0. */
  readonly index: number;
  /** How many processes there are. */
  readonly size: number;
  /** Bytes of tensors that this member has sent to others: 2 (size − 1) / size × bytes for each all-reduce by a ring. */
  readonly bytesSent: number;
  /** Aborted when a member is lost, with the error as its reason: every call then rejects with that error. */
  readonly signal: AbortSignal;
  /** Each tensor summed, or averaged, over all members: equal to the last bit on each of them. */
  allReduce(tensors: readonly tf.Tensor[], reduction: Reduction): Promise<tf.Tensor[]>;
  /** Each tensor of all members, joined along its first axis in the order of the members: [n, …] becomes [size × n, …]. */
  allGather(tensors: readonly tf.Tensor[]): Promise<tf.Tensor[]>;
  /** The tensors of member `from`; those of the others say only shapes and dtypes. */
  broadcast(tensors: readonly tf.Tensor[], from: number): Promise<tf.Tensor[]>;
  /** Resolves when all members have come here. */
  barrier(): Promise<void>;
  /** Ends the membership, when all members have called it. Of no effect the second time. */
  leave(): Promise<void>;
}

/**
 * The group of one process: every sum is the tensor itself. Needs no library, so that a loop is written once, for one process
 * and for many.
 *
 * @example
 * const { group = groupOfOne() } = options;
 */
export function groupOfOne(): Group {
  return {
    index: 0,
    size: 1,
    bytesSent: 0,
    signal: new AbortController().signal,
    allReduce: (tensors, reduction) => {
      return copies(tensors, () => {
        requireReducible(tensors, reduction);
      });
    },
    allGather: (tensors) =>
      copies(tensors, requireMovable, (tensor) => (tensor.rank === 0 ? tensor.reshape([1]) : tensor.clone())),
    broadcast: (tensors) => copies(tensors, requireMovable),
    barrier: () => Promise.resolve(),
    leave: () => Promise.resolve(),
  };
}

/** What is refused rejects, as in a group of several. */
// eslint-disable-next-line @typescript-eslint/require-await
async function copies(
  tensors: readonly tf.Tensor[],
  check: (tensors: readonly tf.Tensor[]) => void,
  copy = (tensor: tf.Tensor): tf.Tensor => tensor.clone(),
): Promise<tf.Tensor[]> {
  check(tensors);
  return tensors.map(copy);
}

/** @throws TrainbookError for tensors that cannot be summed, and for a mean of integers, which would be cut off */
export function requireReducible(tensors: readonly tf.Tensor[], reduction: Reduction): void {
  const wrong = tensors.find(({ dtype }) => dtype !== 'float32' && (dtype !== 'int32' || reduction === 'mean'));
  if (wrong === undefined) return;
  throw new TrainbookError({
    what: `group: the ${reduction} of such a tensor is not defined`,
    received: `${wrong.dtype}[${wrong.shape.join(', ')}]`,
    expected: reduction === 'mean' ? 'float32' : 'float32 or int32',
    fix: 'cast it: tensor.toFloat()',
  });
}

/** @throws TrainbookError for tensors that have no plain memory */
export function requireMovable(tensors: readonly tf.Tensor[]): void {
  const wrong = tensors.find(({ dtype }) => dtype === 'string' || dtype === 'complex64');
  if (wrong === undefined) return;
  throw new TrainbookError({
    what: 'group: such a tensor cannot be sent',
    received: `${wrong.dtype}[${wrong.shape.join(', ')}]`,
    expected: 'float32, int32 or bool',
    fix: wrong.dtype === 'string' ? 'send text as bytes: an int32 tensor' : 'send tf.real and tf.imag of it',
  });
}
