import * as tf from '@tensorflow/tfjs';
import type { Choice } from './choice.js';
import { drawByInverse, ofEach } from './inverse-cdf.js';
import { keepLikely, penaliseSeen, relativeToHighest } from './traced-logit-filters.js';

/** The next token of each row. */
export interface Drawn {
  readonly tokens: tf.Tensor; // int32 [rows]
  /** ln softmax(logits / temperature) of the token, before anything was filtered; at temperature 0 that of the logits. [rows] */
  readonly logProbabilities: tf.Tensor;
}

/**
 * The next token of each row, by a choice: as `tokenChooser` takes them one by one, in one piece of a compiled function. With the number
 * that a chooser draws by its key it takes the same token, but for rounding at the borders between two.
 *
 * @param logits float32 [rows, vocabulary]
 * @param uniforms float32 [rows], in [0, 1)
 * @param seen bool [rows, vocabulary]: tokens that were there before. Only a repetition penalty asks for it.
 * @example
 * const { tokens } = drawTokens(logits, uniforms, { temperature: 0.7, topP: 0.9 });
 */
export function drawTokens(logits: tf.Tensor, uniforms: tf.Tensor, choice: Choice, seen?: tf.Tensor): Drawn {
  const { temperature, repetitionPenalty } = choice;
  const penalised =
    seen === undefined || repetitionPenalty === undefined ? logits : penaliseSeen(logits, seen, repetitionPenalty);
  const relative = tempered(logits, temperature);
  const masses = tf.exp(relative);
  const tokens = temperature === 0 ? tf.argMax(penalised, 1) : draw();
  return { tokens, logProbabilities: tf.sub(tf.reshape(ofEach(relative, tokens), [-1]), tf.log(tf.sum(masses, 1))) };

  function draw(): tf.Tensor {
    const own = penalised === logits ? relative : tempered(penalised, temperature);
    const left = keepLikely(own, choice);
    return drawByInverse(left === relative ? masses : tf.exp(left), uniforms);
  }
}

function tempered(logits: tf.Tensor, temperature: number): tf.Tensor {
  return relativeToHighest(temperature === 0 || temperature === 1 ? logits : tf.div(logits, temperature));
}
