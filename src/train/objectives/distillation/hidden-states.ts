import * as tf from '@tensorflow/tfjs';
import { fold } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import { normal } from '../../../engine/random.js';
import { TrainbookError } from '../../../error.js';
import type { Loss } from '../../loss.js';
import type { Trainable } from '../../train.js';
import type { LayeredModel } from './layered-model.js';
import { nextTokens } from './student-rows.js';
import type { StudentBatch, StudentRows } from './student-rows.js';
import { asked } from './teacher.js';
import type { Teacher } from './teacher.js';

/** Which states are compared: 0 are the embeddings, n what block n makes (counted from 1). */
export interface StatePair {
  readonly student: number;
  readonly teacher: number;
}

/** A student's weights, and with them what makes its states comparable; that is thrown away afterwards. */
export type ProjectedWeights<Weights> = {
  readonly student: Weights;
  readonly projections: readonly tf.Tensor[]; // [width of the student, width of the teacher], one for each pair
};

/**
 * Each state of the student with that of the teacher at the same part of its depth: m with round(m N / M) for M and N layers. At N = n M
 * it is every n-th, as in TinyBERT.
 *
 * @example
 * evenPairs(2, 6); // 0 with 0, 1 with 3, 2 with 6
 */
export function evenPairs(studentLayers: number, teacherLayers: number): StatePair[] {
  return Array.from({ length: studentLayers + 1 }, (_, student) => ({
    student,
    teacher: Math.round((student * teacherLayers) / studentLayers),
  }));
}

/**
 * A student with projections for `distillHiddenStates`, drawn from the key: what `train` takes.
 *
 * @example
 * const { weights } = await train(withProjections(student, teacher, { key }), { objective: distillHiddenStates({ teacher }), … });
 * const trained = { ...student, weights: weights.student };
 */
export function withProjections<Architecture extends LayeredModel<Weights>, Weights>(
  { architecture, weights }: Trainable<Architecture, Weights>,
  teacher: Teacher<LayeredModel<never>>,
  { pairs, key }: { readonly pairs?: readonly StatePair[] | undefined; readonly key: Key },
): Trainable<Architecture, ProjectedWeights<Weights>> {
  const { layers, width } = architecture.config;
  const { config } = teacher.architecture;
  const all = pairs ?? evenPairs(layers, config.layers);
  const projections = all.map((_, place) =>
    normal(fold(fold(key, 'projection'), place), [width, config.width], { deviation: 1 / Math.sqrt(width) }),
  );
  return { architecture, weights: { student: weights, projections } };
}

export interface HiddenStateOptions<B> {
  readonly teacher: Teacher<LayeredModel<never>>;
  /** Default: `evenPairs`. */
  readonly pairs?: readonly StatePair[] | undefined;
  /** How batches are read. Default: `nextTokens`; `maskedTokens` for encoders. */
  readonly rows?: StudentRows<B>;
}

/**
 * Σ ‖hˢ W − hᵀ‖² / width over pairs of states, a mean over tokens: W is learned with the student, so that widths may differ. Romero 2014,
 * "FitNets" (1412.6550); Jiao 2019, "TinyBERT" (1909.10351).
 *
 * The states of a decoder are those before its last norm. Nothing above the highest state is trained: distil logits afterwards.
 *
 * @throws TrainbookError if there is no such state.
 * @example
 * await train(withProjections(student, teacher, { key }), { objective: distillHiddenStates({ teacher }), … });
 */
export function distillHiddenStates<B = StudentBatch>(
  options: HiddenStateOptions<B>,
): <Weights>(student: LayeredModel<Weights>) => Loss<ProjectedWeights<Weights>, B> {
  const { rows = nextTokens as unknown as StudentRows<B> } = options;
  const teacher = options.teacher as { architecture: LayeredModel<unknown>; weights: unknown };
  return (student) => {
    const pairs = options.pairs ?? evenPairs(student.config.layers, teacher.architecture.config.layers);
    checkPairs(pairs, student.config.layers, teacher.architecture.config.layers);
    return {
      shares: { hiddenStates: 1 },
      unit: 'tokens',
      size: (batch) => rows.size(batch),
      tensors: (batch) => rows.tensors(batch),
      counts: (tensors) => ({ hiddenStates: tf.sum<tf.Scalar>(rows.read(tensors).places) }),
      sums: (weights, tensors, { dropoutKey, recompute } = {}) => {
        const { inputs, places, documents, positions, types } = rows.read(tensors);
        const reading = { documents, positions, types };
        const goals = asked(() => teacher.architecture.hiddenStates(teacher.weights, inputs, reading));
        const states = student.hiddenStates(weights.student, inputs, { ...reading, dropoutKey, recompute });
        const losses = pairs.map((pair, place) => {
          const [own, goal] = [states[pair.student], goals[pair.teacher]];
          const projection = weights.projections[place];
          if (own === undefined || goal === undefined || projection === undefined) throw lacking(place);
          const projected = tf.reshape(tf.matMul(tf.reshape(own, [-1, student.config.width]), projection), goal.shape);
          return tf.mean(tf.squaredDifference(projected, goal), 2); // [batch, time]
        });
        return { hiddenStates: tf.sum<tf.Scalar>(tf.mul(tf.addN(losses), places)) };
      },
    };
  };
}

function lacking(place: number): TrainbookError {
  return new TrainbookError({
    what: 'distillHiddenStates: a pair of states has no projection',
    received: `pair ${place}`,
    expected: 'a projection for each pair',
    fix: 'give withProjections the same pairs',
  });
}

function checkPairs(pairs: readonly StatePair[], studentLayers: number, teacherLayers: number): void {
  const isState = (state: number, layers: number): boolean => Number.isInteger(state) && state >= 0 && state <= layers;
  const wrong = pairs.find(
    ({ student, teacher }) => !isState(student, studentLayers) || !isState(teacher, teacherLayers),
  );
  if (wrong === undefined && pairs.length > 0) return;
  throw new TrainbookError({
    what: 'distillHiddenStates: there are no such states',
    received: JSON.stringify(wrong ?? []),
    expected: `pairs with a student’s state from 0 to ${studentLayers}, a teacher’s from 0 to ${teacherLayers}`,
  });
}
