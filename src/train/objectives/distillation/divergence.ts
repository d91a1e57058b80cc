import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../../error.js';

// Legend: p and q are what teacher and student say of the next token; V = vocabulary.

/** How far a student's distribution q is from its teacher's p, row by row, and what changes that. Both are given as logarithms. */
export interface Divergence {
  /** What it is, with its number: `jensenShannon 0.5`. */
  readonly name: string;
  /** ln p and ln q, [rows, V] → [rows], in nats. */
  losses(teacher: tf.Tensor2D, student: tf.Tensor2D): tf.Tensor1D;
  /** Its derivatives by logits z with ln q = log softmax(z): [rows, V]. */
  gradient(teacher: tf.Tensor2D, student: tf.Tensor2D): tf.Tensor2D;
}

/** Σ exp(a) (a − b) of each row: KL of a from b. [rows, V] → [rows, 1] */
function kl(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return tf.sum<tf.Tensor2D>(tf.mul(tf.exp(a), tf.sub(a, b)), 1, true);
}

/**
 * KL(p ‖ q) = Σ p (ln p − ln q): the student must give something to all that the teacher finds likely. Its derivative by a logit is q − p.
 * Hinton 2015, "Distilling the Knowledge in a Neural Network" (1503.02531).
 *
 * @example
 * distillLogits({ teacher, divergence: forwardKl() });
 */
export function forwardKl(): Divergence {
  return {
    name: 'forwardKl',
    losses: (teacher, student) => tf.squeeze(kl(teacher, student), [1]),
    gradient: (teacher, student) => tf.sub(tf.exp(student), tf.exp(teacher)),
  };
}

/**
 * KL(q ‖ p) = Σ q (ln q − ln p): the student may leave out what the teacher finds likely, but not say what it finds unlikely. Its derivative
 * by a logit is q (ln q − ln p − KL(q ‖ p)). Gu 2023, "MiniLLM" (2306.08543).
 *
 * @example
 * distillLogits({ teacher, divergence: reverseKl() });
 */
export function reverseKl(): Divergence {
  return {
    name: 'reverseKl',
    losses: (teacher, student) => tf.squeeze(kl(student, teacher), [1]),
    gradient: (teacher, student) => tf.mul(tf.exp(student), tf.sub(tf.sub(student, teacher), kl(student, teacher))),
  };
}

/**
 * β KL(p ‖ m) + (1 − β) KL(q ‖ m) with m = β p + (1 − β) q: generalised Jensen–Shannon, between both KL; it never exceeds ln 2 at β = 0.5. Its
 * derivative by a logit is (1 − β) q (ln q − ln m − KL(q ‖ m)). Agarwal 2023, "On-Policy Distillation of Language Models" (2306.13649).
 *
 * @throws TrainbookError if β is not between 0 and 1.
 * @example
 * distillLogits({ teacher, divergence: jensenShannon({ beta: 0.1 }) });
 */
export function jensenShannon({ beta = 0.5 }: { readonly beta?: number } = {}): Divergence {
  if (!(beta > 0 && beta < 1)) {
    throw new TrainbookError({
      what: 'jensenShannon: no such beta',
      received: beta,
      expected: 'a number between 0 and 1, without either',
      fix: 'forwardKl() is what it tends to (divided by beta) at 0, reverseKl() at 1',
    });
  }
  const mixed = (teacher: tf.Tensor2D, student: tf.Tensor2D): tf.Tensor2D => {
    const [a, b] = [tf.add(teacher, Math.log(beta)), tf.add(student, Math.log1p(-beta))];
    const highest = tf.maximum(a, b);
    return tf.add(highest, tf.log1p(tf.exp(tf.sub(tf.minimum(a, b), highest))));
  };
  return {
    name: `jensenShannon ${beta}`,
    losses: (teacher, student) => {
      const mean = mixed(teacher, student);
      return tf.squeeze(tf.add(tf.mul(kl(teacher, mean), beta), tf.mul(kl(student, mean), 1 - beta)), [1]);
    },
    gradient: (teacher, student) => {
      const mean = mixed(teacher, student);
      const excess = tf.sub(tf.sub(student, mean), kl(student, mean));
      return tf.mul(tf.mul(tf.exp(student), excess), 1 - beta);
    },
  };
}

/**
 * D(softmax(x / T), softmax(z / T)) of each row: logits of teacher x and student z, [rows, V] → [rows], in nats. Only z has a gradient. It is
 * written out, so that the backward pass keeps the logits alone.
 *
 * @example
 * const losses = divergences(teacherLogits, studentLogits, { divergence: reverseKl(), temperature: 2 });
 */
export function divergences(
  teacher: tf.Tensor2D,
  student: tf.Tensor2D,
  { divergence, temperature = 1 }: { readonly divergence: Divergence; readonly temperature?: number },
): tf.Tensor1D {
  const logarithms = (logits: tf.Tensor2D): tf.Tensor2D => tf.logSoftmax(tf.div<tf.Tensor2D>(logits, temperature));
  const apply = tf.customGrad((...args) => {
    const [z, save] = args as [tf.Tensor2D, tf.GradSaveFunc];
    save([teacher, z]);
    return {
      value: divergence.losses(logarithms(teacher), logarithms(z)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, again] = saved as [tf.Tensor2D, tf.Tensor2D];
        const gradient = divergence.gradient(logarithms(x), logarithms(again));
        return [tf.mul(gradient, tf.div(tf.expandDims(dy, 1), temperature))];
      },
    };
  });
  return apply(student);
}
