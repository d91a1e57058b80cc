import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../../engine/gradients/stop-gradient.js';
import { TrainbookError } from '../../../error.js';
import type { Json } from '../../../files.js';
import type { AnswerRows, PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import type { Computing, PartSums, RowTensors } from '../../loss.js';
import type { RowReader } from '../labelled-rows.js';
import type { TokenPredictor } from '../token-predictor.js';
import { answerLogProbabilities } from './answer-log-probabilities.js';
import type { PreferenceObjective, Reference, ReferenceModel } from './preference-objective.js';
import { watchedCounts, watchedOfPairs, watchedSums } from './preference-losses.js';
import type { OfPairs, PreferenceLosses } from './preference-losses.js';

/** ln p of the answers of pairs, by sums and by means over tokens. */
export interface PairAnswers {
  readonly sums: OfPairs;
  readonly means: OfPairs;
}

/** What all losses of pairs share: rows are pairs, and each counts as its weight says. */
export const pairFrame = {
  unit: 'examples',
  size: ({ batchSize }: PreferenceBatch): number => batchSize,
  tensors: pairTensors,
  watched: watchedOfPairs,
  counts: (batch: RowTensors) => {
    const weights = batch['weights'] as tf.Tensor1D;
    return { loss: tf.sum<tf.Scalar>(weights), ...watchedCounts(weights) };
  },
} as const;

/** The same for losses of a policy's answers, which also watch `ranking`: the share of pairs whose chosen answer is likelier by token. */
export const answersFrame = {
  ...pairFrame,
  watched: [...watchedOfPairs, 'ranking'],
  counts: (batch: RowTensors) => {
    const counts = pairFrame.counts(batch);
    return { ...counts, ranking: counts.loss };
  },
} as const;

/** Σ w over pairs that are ranked rightly by the means of ln p over tokens. */
export function rankedRightly({ means: { chosen, rejected } }: PairAnswers, batch: RowTensors): tf.Scalar {
  const hits = tf.cast(tf.greater(stopGradient(chosen), stopGradient(rejected)), 'float32');
  return tf.sum(tf.mul(hits, batch['weights'] as tf.Tensor1D));
}

/** The rows of answers as tensors of [batch, time], by names that begin with `side`. */
export function answerTensors(side: string, rows: AnswerRows, batchSize: number): RowTensors {
  const shape: [number, number] = [batchSize, rows.context];
  return {
    [`${side}.inputs`]: tf.tensor2d(rows.inputs, shape, 'int32'),
    [`${side}.targets`]: tf.tensor2d(rows.targets, shape, 'int32'),
    [`${side}.weights`]: tf.tensor2d(rows.weights, shape),
    [`${side}.mask`]: tf.tensor2d(rows.mask, shape, 'int32'),
  };
}

function pairTensors({ chosen, rejected, weights, margins, reference, batchSize }: PreferenceBatch): RowTensors {
  return {
    ...answerTensors('chosen', chosen, batchSize),
    ...answerTensors('rejected', rejected, batchSize),
    weights: tf.tensor1d(weights),
    margins: tf.tensor1d(margins),
    ...(reference && {
      'chosen.reference': tf.tensor1d(reference.chosen),
      'rejected.reference': tf.tensor1d(reference.rejected),
    }),
  };
}

/** A tensor of the chosen answers, and below it that of the rejected ones: [2 batch, time]. */
export function together(batch: RowTensors, name: string): tf.Tensor2D {
  return tf.concat([batch[`chosen.${name}`] as tf.Tensor2D, batch[`rejected.${name}`] as tf.Tensor2D]);
}

/** ln p of both answers of each pair, in one forward pass. */
export function answersOf<Weights>(
  model: TokenPredictor<Weights>,
  weights: Weights,
  batch: RowTensors,
  computing: Computing,
): PairAnswers {
  const rows = {
    inputs: together(batch, 'inputs'),
    targets: together(batch, 'targets'),
    weights: together(batch, 'weights'),
  };
  const { sums, means } = answerLogProbabilities(model, weights, rows, computing);
  return { sums: halves(sums), means: halves(means) };
}

function halves(numbers: tf.Tensor1D): OfPairs {
  const [chosen, rejected] = tf.split(numbers, 2) as [tf.Tensor1D, tf.Tensor1D];
  return { chosen, rejected };
}

/** A mean over pairs of losses that follow from the policy alone. */
export function withoutReference(
  identity: Json,
  losses: (policy: PairAnswers) => PreferenceLosses,
): PreferenceObjective<PreferenceBatch> {
  const objective: PreferenceObjective<PreferenceBatch> = (model) => ({
    ...answersFrame,
    shares: { loss: 1 },
    sums: (weights, batch, computing = {}) => {
      const policy = answersOf(model, weights, batch, computing);
      return { ...weighed(losses(policy), batch), ranking: rankedRightly(policy, batch) };
    },
  });
  return Object.assign(objective, { identity });
}

/** A mean over pairs of losses that compare the policy with a reference: a model, or the numbers of the batch. */
export function againstReference(
  what: string,
  { own, numbers }: { readonly own: Reference | undefined; readonly numbers: Json },
  losses: (policy: PairAnswers, reference: PairAnswers) => PreferenceLosses,
): PreferenceObjective<PreferenceBatch> {
  const objective: PreferenceObjective<PreferenceBatch> = (model, given) => {
    const reference = own ?? given;
    return {
      ...answersFrame,
      shares: { loss: 1 },
      tensors: (batch) => {
        checkReference(what, reference, batch);
        return pairTensors(batch);
      },
      sums: (weights, batch, computing = {}) => {
        const compared = answersAgainst(reference, batch, computing);
        const policy = answersOf(model, weights, batch, computing);
        return { ...weighed(losses(policy, compared), batch), ranking: rankedRightly(policy, batch) };
      },
    };
  };
  return Object.assign(objective, { lacksReference: own === undefined, identity: { [what]: numbers } });
}

/** Σ w ℓ over pairs, and what is watched of the rewards. */
export function weighed(
  { losses, rewards }: PreferenceLosses,
  batch: RowTensors,
): PartSums & { readonly loss: tf.Scalar } {
  const weights = batch['weights'] as tf.Tensor1D;
  return { loss: tf.sum<tf.Scalar>(tf.mul(losses, weights)), ...watchedSums(rewards, weights) };
}

/** ln p in the frozen model, which leaves nothing out; without one, the numbers of the batch. */
export function answersAgainst(
  reference: Reference | undefined,
  batch: RowTensors,
  { chunks }: Computing,
): PairAnswers {
  if (reference === undefined) return stored(batch);
  const { architecture, weights } = reference as ReferenceModel;
  const { sums, means } = answersOf(architecture, weights, batch, { chunks });
  return { sums: withoutGradient(sums), means: withoutGradient(means) };
}

/**
 * What a reward model says of the texts of both answers, in one forward pass.
 *
 * @throws TrainbookError if it does not give one number for each text.
 */
export function textRewards<Weights>(
  model: RowReader<Weights>,
  weights: Weights,
  batch: RowTensors,
  { dropoutKey, recompute }: Computing,
): OfPairs {
  const mask = together(batch, 'mask');
  const outputs = model.forward(weights, together(batch, 'inputs'), { mask, dropoutKey, recompute });
  const [numRows] = mask.shape;
  if (outputs.size !== numRows) {
    throw new TrainbookError({
      what: 'bradleyTerry: the model does not give one number for each text',
      received: `[${outputs.shape.join(', ')}] for ${numRows} texts`,
      expected: `[${numRows}, 1]`,
      fix: 'take a head of one class: sequenceClassification(trunk, { classes: ["reward"] })',
    });
  }
  return halves(tf.reshape<tf.Rank.R1>(outputs, [numRows]));
}

function withoutGradient({ chosen, rejected }: OfPairs): OfPairs {
  return { chosen: stopGradient(chosen), rejected: stopGradient(rejected) };
}

function stored(batch: RowTensors): PairAnswers {
  const of = (side: string): { sum: tf.Tensor1D; mean: tf.Tensor1D } => {
    const sum = batch[`${side}.reference`] as tf.Tensor1D | undefined;
    if (sum === undefined) throw lacksReference('preferences');
    const tokens = tf.sum(batch[`${side}.weights`] as tf.Tensor2D, 1);
    return { sum, mean: tf.div(sum, tf.maximum(tokens, 1e-6)) };
  };
  const [chosen, rejected] = [of('chosen'), of('rejected')];
  return {
    sums: { chosen: chosen.sum, rejected: rejected.sum },
    means: { chosen: chosen.mean, rejected: rejected.mean },
  };
}

function checkReference(what: string, reference: Reference | undefined, batch: PreferenceBatch): void {
  if (reference !== undefined || batch.reference !== undefined) return;
  throw lacksReference(what);
}

function lacksReference(what: string): TrainbookError {
  return new TrainbookError({
    what: `${what}: there is nothing to compare the policy with`,
    received: 'no reference, and pairs without stored log-probabilities',
    expected: 'one of both',
    fix: 'give { reference: model }, or storeReference(pairs, …) before the loader',
  });
}
