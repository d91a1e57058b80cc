import type * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { dropout } from '../dropout.js';
import { linearSpec } from '../encoder-specs.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { parseOptions } from '../parse-options.js';
import { headOf } from './head.js';
import type { Head, HeadReading, Trunk } from './head.js';
import { classNames } from './sequence-classification.js';

export const tokenClassificationOptions = z.strictObject({
  classes: classNames.describe('the names of the classes, in the order of the logits'),
  dropout: z.number().min(0).lt(1).default(0).describe('share of elements left out while training, before the logits'),
});

export type TokenClassificationWeights<Leaf = tf.Tensor> = { readonly output: Linear<Leaf> }; // [width, classes]

/** Which class each token is of: names in a text, parts of speech. */
export interface TokenClassification extends Head<TokenClassificationWeights> {
  readonly config: z.output<typeof tokenClassificationOptions>;
  /** [batch, time, width] → logits [batch, time, classes] */
  forward(
    weights: TokenClassificationWeights,
    states: tf.Tensor,
    reading?: Pick<HeadReading, 'dropoutKey'>,
  ): tf.Tensor3D;
}

/**
 * x W + b for each token: Devlin 2018, "BERT" (1810.04805), section 5.3.
 *
 * @throws TrainbookError if an option breaks a rule, such as two classes of one name.
 * @example
 * const head = tokenClassification(trunk, { classes: ['O', 'B-PER', 'I-PER'] });
 * const logits = head.forward(weights.head, states); // [batch, time, 3]
 */
export function tokenClassification(
  { config: { width, initDeviation } }: Trunk,
  options: z.input<typeof tokenClassificationOptions>,
): TokenClassification {
  const config = parseOptions('tokenClassification', tokenClassificationOptions, options);
  return {
    ...headOf<TokenClassificationWeights>({ output: linearSpec(width, config.classes.length, initDeviation) }),
    config,
    forward: ({ output }, states, { dropoutKey } = {}) => {
      const left = dropoutKey && { rate: config.dropout, key: dropoutKey };
      return linear(output, dropout(states, left)) as tf.Tensor3D;
    },
  };
}
