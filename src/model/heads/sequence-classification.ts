import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { dropout, nthDropout } from '../dropout.js';
import { linearSpec } from '../encoder-specs.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { parseOptions } from '../parse-options.js';
import { headOf } from './head.js';
import type { Head, HeadReading, Trunk } from './head.js';
import { firstToken, poolingName, poolings } from './pooling.js';
import type { Pooling } from './pooling.js';

/** The names of classes, in the order of the logits. */
export const classNames = z
  .array(z.string().min(1))
  .min(1)
  .refine((names) => new Set(names).size === names.length, 'two classes have one name');

const share = (description: string) => z.number().min(0).lt(1).default(0).describe(description);

export const sequenceClassificationOptions = z.strictObject({
  classes: classNames.describe('the names of the classes, in the order of the logits'),
  dense: z.boolean().default(true).describe('whether a layer with tanh comes before the one that gives the logits'),
  dropout: share('share of elements left out while training, before the logits'),
  inputDropout: share('the same, of the pooled vector'),
});

/** What a file says of the head: the pooling by its name. */
export const sequenceClassificationSchema = sequenceClassificationOptions.safeExtend({
  pooling: z.enum(Object.keys(poolings) as [keyof typeof poolings]).default('firstToken'),
});

export type SequenceClassificationWeights<Leaf = tf.Tensor> = {
  readonly dense?: Linear<Leaf>; // [width, width]
  readonly output: Linear<Leaf>; // [width, classes]
};

/** Which class a text is of. */
export interface SequenceClassification extends Head<SequenceClassificationWeights> {
  readonly config: z.output<typeof sequenceClassificationOptions> & {
    /** Undefined for one of the user's own, which no file can keep. */
    readonly pooling: keyof typeof poolings | undefined;
  };
  /** [batch, time, width] → logits [batch, classes]; `mask` as for a pooling. */
  forward(
    weights: SequenceClassificationWeights,
    states: tf.Tensor,
    reading?: Pick<HeadReading, 'mask' | 'dropoutKey'>,
  ): tf.Tensor2D;
}

/**
 * tanh(p V + c) W + b with p = pooling(states), or p W + b without `dense`: as BERT (1810.04805, section 4.1) and RoBERTa classify by
 * the first token. On a decoder pool the last token, which alone has seen all others.
 *
 * @throws TrainbookError if an option breaks a rule, such as two classes of one name.
 * @example
 * const head = sequenceClassification(decoder, { classes: ['bad', 'good'], pooling: lastToken, dense: false });
 * const logits = head.forward(weights.head, decoder.hidden(weights.trunk, tokens, { documents: mask }), { mask }); // [batch, 2]
 */
export function sequenceClassification(
  { config: { width, initDeviation } }: Trunk,
  {
    pooling = firstToken,
    ...options
  }: z.input<typeof sequenceClassificationOptions> & { readonly pooling?: Pooling | undefined },
): SequenceClassification {
  const config = parseOptions('sequenceClassification', sequenceClassificationOptions, options);
  const specs = {
    ...(config.dense ? { dense: linearSpec(width, width, initDeviation) } : {}),
    output: linearSpec(width, config.classes.length, initDeviation),
  };
  return {
    ...headOf<SequenceClassificationWeights>(specs),
    config: { ...config, pooling: poolingName(pooling) },
    forward: ({ dense, output }, states, { mask, dropoutKey } = {}) => {
      const left = (rate: number, n: number) => nthDropout(dropoutKey && { rate, key: dropoutKey }, n);
      const pooled = dropout(pooling(states, mask), left(config.inputDropout, 0));
      const features = dense === undefined ? pooled : tf.tanh(linear(dense, pooled));
      return linear(output, dropout(features, left(config.dropout, 1))) as tf.Tensor2D;
    },
  };
}
