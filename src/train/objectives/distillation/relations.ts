import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../../error.js';
import type { LayerAttention } from '../../../model/decoder.js';
import { visibilityMask } from '../../../model/mixing.js';
import type { Visibility } from '../../../model/mixing.js';

// Legend: a relation of tokens is ln softmax(A Bᵀ / √size + mask) for each head: [batch, heads, time, time].

/**
 * log softmax(A Bᵀ / √size + mask): A and B [batch, heads, time, size] → [batch, heads, time, time]. B may have fewer heads, each of which
 * serves heads / heads(B) of A's.
 *
 * @example
 * const attention = logRelation(queries, keys, { causal: true });
 */
export function logRelation(a: tf.Tensor, b: tf.Tensor, visibility: Visibility): tf.Tensor4D {
  const [batch, heads, time, size] = a.shape as [number, number, number, number];
  const [, headsOfB] = b.shape as [number, number];
  const group = heads / headsOfB;
  const rows = tf.reshape(tf.mul(a, 1 / Math.sqrt(size)), [batch, headsOfB, group * time, size]);
  const scores = tf.reshape(tf.matMul(rows, b, false, true), [batch, headsOfB, group, time, time]);
  const mask = visibilityMask(visibility, time);
  const seen = tf.logSoftmax(mask === undefined ? scores : tf.add(scores, mask));
  return tf.reshape(seen, [batch, heads, time, time]);
}

/**
 * How far the student's relation is from the teacher's at each token: Σ exp(teacher) (teacher − student) over the tokens that it sees, a mean
 * over heads. [batch, heads, time, time] → [batch, time]
 *
 * @throws TrainbookError if the heads differ in number.
 */
export function relationLosses(teacher: tf.Tensor4D, student: tf.Tensor4D): tf.Tensor2D {
  const [, ofTeacher] = teacher.shape;
  const [, ofStudent] = student.shape;
  if (ofTeacher !== ofStudent) {
    throw new TrainbookError({
      what: 'distillAttention: teacher and student have different numbers of heads, so each of the one has no other to learn from',
      received: `${ofStudent} heads of the student`,
      expected: `${ofTeacher}, as the teacher has`,
      fix: 'take distillRelations, which cuts what both have into as many heads',
    });
  }
  return tf.mean(tf.sum(tf.mul(tf.exp(teacher), tf.sub(teacher, student)), 3), 1);
}

/** What of a layer's attention is related to itself. */
export type Related = keyof Pick<LayerAttention, 'queries' | 'keys' | 'values'>;

/**
 * Features of all heads, cut into `heads` of another number: [batch, heads, time, size] → [batch, heads′, time, size′].
 *
 * @throws TrainbookError if they cannot be cut so.
 */
export function inHeads(x: tf.Tensor, heads: number, what: string): tf.Tensor4D {
  const [batch, own, time, size] = x.shape as [number, number, number, number];
  const features = own * size;
  if (features % heads !== 0) {
    throw new TrainbookError({
      what: `distillRelations: the ${what} cannot be cut into as many heads`,
      received: `${features} features, ${heads} heads`,
      expected: 'a number of heads that divides the features of teacher and student',
    });
  }
  if (own === heads) return x as tf.Tensor4D;
  const joined = tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, time, heads, features / heads]);
  return tf.transpose(joined, [0, 2, 1, 3]) as tf.Tensor4D;
}
