import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../engine/compile.js';
import type { CompileOptions } from '../../../engine/compile.js';
import type { AnswerBatch } from '../../objectives/policy/answer-batch.js';
import { generalisedAdvantages } from '../../reinforce/generalised-advantages.js';
import type { GeneralisedAdvantageOptions } from '../../reinforce/generalised-advantages.js';
import { klShapedRewards } from '../../reinforce/kl.js';

/** Answers as they were scored, and as policy, reference and critic saw them: [rows], then [rows, time]. */
export interface SeenAnswers {
  readonly scores: Float32Array;
  readonly old: Float32Array;
  readonly reference: Float32Array;
  readonly values: Float32Array;
}

/** All of [rows, time], 0 where nothing counts. */
export interface TokenAdvantages {
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
  /** Nats from the reference, of each token. */
  readonly kl: Float32Array;
}

/** Score and KL become rewards of tokens (`klShapedRewards`), and these advantages (`generalisedAdvantages`); compiled once. */
export function tokenAdvantages(
  options: GeneralisedAdvantageOptions,
  target: CompileOptions['target'],
): (batch: AnswerBatch, seen: SeenAnswers, coefficient: number) => Promise<TokenAdvantages> {
  const compiled = compile(
    (scores: tf.Tensor1D, tokens: Readonly<Record<string, tf.Tensor>>, coefficient: tf.Scalar) => {
      const { old, reference, values, mask } = tokens as Readonly<Record<string, tf.Tensor2D>>;
      if (!old || !reference || !values || !mask) throw new Error('internal: numbers of tokens are missing');
      const { rewards, kl } = klShapedRewards(
        { scores, logProbabilities: old, referenceLogProbabilities: reference, mask },
        { coefficient },
      );
      return { ...generalisedAdvantages({ rewards, values, mask }, options), kl };
    },
    { name: 'advantages of tokens', ...(target !== undefined && { target }) },
  );
  return async ({ mask, numRows, time }, { scores, old, reference, values }, coefficient) => {
    const tokens = Object.fromEntries(
      Object.entries({ old, reference, values, mask }).map(([name, numbers]) => [
        name,
        tf.tensor2d(numbers, [numRows, time]),
      ]),
    );
    const [ofAnswers, factor] = [tf.tensor1d(scores), tf.scalar(coefficient)];
    const { advantages, returns, kl } = await compiled(ofAnswers, tokens, factor);
    const [a, r, k] = await Promise.all([advantages.data(), returns.data(), kl.data()]);
    tf.dispose([ofAnswers, factor, tokens, advantages, returns, kl] as tf.TensorContainer);
    return { advantages: a as Float32Array, returns: r as Float32Array, kl: k as Float32Array };
  };
}
