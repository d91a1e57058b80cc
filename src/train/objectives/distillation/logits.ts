import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../../../engine/gradients/stop-gradient.js';
import { rowOf } from '../../../engine/scan.js';
import { sumPieces } from '../../../engine/sum-pieces.js';
import { TrainbookError } from '../../../error.js';
import type { Computing, Loss, PartSums } from '../../loss.js';
import { tokenLosses } from '../cross-entropy.js';
import { refusePieces, rowPieces } from '../token-predictor.js';
import type { TokenPredictor } from '../token-predictor.js';
import { divergences, forwardKl } from './divergence.js';
import type { Divergence } from './divergence.js';
import { nextTokens } from './student-rows.js';
import type { ReadRows, StudentBatch, StudentRows } from './student-rows.js';
import { asked, checkSame, lastAxis } from './teacher.js';
import type { Teacher } from './teacher.js';

// Legend: V = vocabulary; rows = batch × time.

/** How a student learns from a teacher's logits. */
export interface LogitSettings {
  /** How distributions are compared. Default: `forwardKl()`. */
  readonly divergence?: Divergence;
  /** T: both distributions are softmax(logits / T); above 1 what is unlikely counts more. Default: 2, as in DistilBERT. */
  readonly temperature?: number;
  /** c, in [0, 1): the share of the cross-entropy with the data's own tokens. Default: 0.5. */
  readonly crossEntropy?: number;
}

export interface LogitOptions<B> extends LogitSettings {
  readonly teacher: Teacher<TokenPredictor<never>>;
  /** How batches are read. Default: `nextTokens`; `maskedTokens` for encoders. */
  readonly rows?: StudentRows<B>;
}

/**
 * (1 − c) T² D(softmax(x / T), softmax(z / T)) + c (−log softmax(z)[y]) of each token y that counts; x are the teacher's logits, z the
 * student's, [batch, time, V]. Hinton 2015, "Distilling the Knowledge in a Neural Network" (1503.02531): gradients of the first part scale
 * as 1 / T², so T² keeps its weight.
 *
 * A plan's `lossChunks` computes the logits of both in so many pieces of batch × time. The parts are divided by one count: tokens that the
 * student wrote have no cross-entropy (`dataWeights`), and its share then falls with theirs.
 *
 * @throws TrainbookError if a number is out of range, or the vocabularies differ in size.
 * @example
 * await train(student, {
 *   objective: distillLogits({ teacher, divergence: jensenShannon(), temperature: 2 }),
 *   data: (options) => loader(packed, options),
 *   …
 * });
 */
export function distillLogits<B = StudentBatch>(
  options: LogitOptions<B>,
): <Weights>(student: TokenPredictor<Weights>) => Loss<Weights, B> {
  const { rows = nextTokens as unknown as StudentRows<B>, crossEntropy = 0.5 } = options;
  checkLogits(options);
  const teacher = options.teacher as { architecture: TokenPredictor<unknown>; weights: unknown };
  return (student) => ({
    shares: { distillation: 1 - crossEntropy, ...(crossEntropy > 0 && { crossEntropy }) },
    unit: 'tokens',
    size: (batch) => rows.size(batch),
    tensors: (batch) => rows.tensors(batch),
    counts: (tensors) => {
      const count = tf.sum<tf.Scalar>(rows.read(tensors).weights);
      return { distillation: count, ...(crossEntropy > 0 && { crossEntropy: count }) };
    },
    sums: (weights, tensors, computing = {}) => {
      const read = rows.read(tensors);
      const sides = { student, weights, teacher };
      return (computing.chunks ?? 1) === 1
        ? sumAtOnce(options, sides, read, computing)
        : sumInPieces(options, sides, read, computing);
    },
  });
}

interface Sides<Weights> {
  readonly student: TokenPredictor<Weights>;
  readonly weights: Weights;
  readonly teacher: { readonly architecture: TokenPredictor<unknown>; readonly weights: unknown };
}

interface Rows {
  readonly teacher: tf.Tensor2D; // [rows, V]
  readonly student: tf.Tensor2D; // [rows, V]
  readonly targets: tf.Tensor1D; // int32 [rows]
  readonly weights: tf.Tensor1D; // [rows]
  readonly dataWeights: tf.Tensor1D; // [rows]
}

/** Σ w T² D and, where it counts, Σ w (−ln p[y]). */
function sumRows(settings: LogitSettings, rows: Rows): { distillation: tf.Scalar; crossEntropy?: tf.Scalar } {
  const { divergence = forwardKl(), temperature = 2, crossEntropy = 0.5 } = settings;
  const { teacher, student, targets, weights, dataWeights } = rows;
  checkSame('vocabularies', lastAxis(teacher), lastAxis(student), 'take a student with the teacher’s tokenizer');
  const apart = divergences(teacher, student, { divergence, temperature });
  const distillation = tf.sum<tf.Scalar>(tf.mul(apart, tf.mul(weights, temperature ** 2)));
  if (crossEntropy === 0) return { distillation };
  return { distillation, crossEntropy: tf.sum<tf.Scalar>(tf.mul(tokenLosses(student, targets), dataWeights)) };
}

function sumAtOnce<Weights>(
  settings: LogitSettings,
  { student, weights, teacher }: Sides<Weights>,
  { inputs, targets, weights: counted, dataWeights, ...reading }: ReadRows,
  { dropoutKey, recompute }: Computing,
): PartSums {
  const flat = (logits: tf.Tensor): tf.Tensor2D => tf.reshape(logits, [-1, lastAxis(logits)]);
  return sumRows(settings, {
    teacher: asked(() => flat(teacher.architecture.forward(teacher.weights, inputs, reading))),
    student: flat(student.forward(weights, inputs, { ...reading, dropoutKey, recompute })),
    targets: tf.reshape(targets, [-1]),
    weights: tf.reshape(counted, [-1]),
    dataWeights: tf.reshape(dataWeights, [-1]),
  });
}

/**
 * Both parts are divided by one count, so the gradient of (1 − c) Σ w T² D + c Σ w (−ln p[y]) is taken at once, by the first part; the second is
 * a number without gradient.
 */
function sumInPieces<Weights>(
  settings: LogitSettings,
  { student, weights, teacher }: Sides<Weights>,
  { inputs, targets, weights: counted, dataWeights, ...reading }: ReadRows,
  { chunks = 1, dropoutKey, recompute }: Computing,
): PartSums {
  const { crossEntropy = 0.5 } = settings;
  const relative = crossEntropy / (1 - crossEntropy);
  const cut = rowPieces(targets.size, chunks);
  const ofTeacher = asked(() => {
    const states = teacher.architecture.hidden?.(teacher.weights, inputs, reading) ?? refusePieces(chunks);
    return cut(states, [lastAxis(states)]);
  });
  const states = student.hidden?.(weights, inputs, { ...reading, dropoutKey, recompute }) ?? refusePieces(chunks);
  const [numPieces = 0] = ofTeacher.shape;
  const pieces = [
    cut(states, [lastAxis(states)]),
    cut(targets, []),
    cut(counted, []),
    cut(dataWeights, []),
    tf.range(0, numPieces, 1, 'int32'), // so that the teacher's states are no input, of which a gradient would be kept
  ] as const;
  const { sum, told } = sumPieces(
    (piece) => {
      const [own, wanted, weighed, weighedData, place] = piece as unknown as typeof pieces;
      const sums = sumRows(settings, {
        teacher: asked(
          () =>
            (teacher.architecture.logits?.(teacher.weights, rowOf(ofTeacher, place)) ??
              refusePieces(chunks)) as tf.Tensor2D,
        ),
        student: (student.logits?.(weights, own) ?? refusePieces(chunks)) as tf.Tensor2D,
        targets: wanted as tf.Tensor1D,
        weights: weighed as tf.Tensor1D,
        dataWeights: weighedData as tf.Tensor1D,
      });
      if (sums.crossEntropy === undefined) return { sum: sums.distillation, told: [] };
      return {
        sum: tf.add(sums.distillation, tf.mul(sums.crossEntropy, relative)),
        told: [sums.crossEntropy],
      };
    },
    pieces,
    crossEntropy > 0 ? 1 : 0,
  );
  const [data] = told;
  if (data === undefined) return { distillation: sum };
  return {
    distillation: tf.sub<tf.Scalar>(sum, tf.mul(stopGradient(data), relative)),
    crossEntropy: stopGradient(data),
  };
}

/** @throws TrainbookError if a number is out of range. */
export function checkLogits({ temperature = 2, crossEntropy = 0.5 }: LogitSettings): void {
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new TrainbookError({
      what: 'distillLogits: no such temperature',
      received: temperature,
      expected: 'a number above 0',
    });
  }
  if (crossEntropy >= 0 && crossEntropy < 1) return;
  throw new TrainbookError({
    what: 'distillLogits: no such share of the cross-entropy',
    received: crossEntropy,
    expected: 'a share from 0 up to 1, without 1: there the teacher says nothing',
  });
}
