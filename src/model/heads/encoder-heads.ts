import { z } from 'zod';
import type { Json } from '../../files.js';
import { TrainbookError } from '../../error.js';
import type { Encoder } from '../encoder.js';
import type { HeadWeights } from './head.js';
import { maskedLanguageModel, maskedLanguageModelOptions } from './masked-language-model.js';
import type { MaskedLanguageModel } from './masked-language-model.js';
import { nextSentence } from './next-sentence.js';
import { pooler } from './pooler.js';
import type { Pooler } from './pooler.js';
import { poolings } from './pooling.js';
import { sequenceClassification, sequenceClassificationSchema } from './sequence-classification.js';
import type { SequenceClassification } from './sequence-classification.js';
import { tokenClassification, tokenClassificationOptions } from './token-classification.js';
import type { TokenClassification } from './token-classification.js';

/** The heads that files keep with an encoder, by name. */
export interface HeadArchitectures {
  readonly maskedLanguageModel?: MaskedLanguageModel;
  readonly pooler?: Pooler;
  readonly nextSentence?: SequenceClassification;
  readonly sequenceClassification?: SequenceClassification;
  readonly tokenClassification?: TokenClassification;
}

/** A head and weights for it. */
export interface Attached<Given> {
  readonly architecture: Given;
  readonly weights: HeadWeights<Given>;
}

/** The heads of a model, each with its weights. */
export type EncoderHeads = {
  readonly [Name in keyof HeadArchitectures]: Attached<NonNullable<HeadArchitectures[Name]>>;
};

const nothing = z.strictObject({});

/** What config.json says of the heads. A head that is not there has no key. */
export const headsSchema = z.strictObject({
  maskedLanguageModel: maskedLanguageModelOptions.optional(),
  pooler: nothing.optional(),
  nextSentence: nothing.optional(),
  sequenceClassification: sequenceClassificationSchema.optional(),
  tokenClassification: tokenClassificationOptions.optional(),
});
export type HeadsConfig = z.input<typeof headsSchema>;

/** The heads of a config on a trunk. */
export function headsOf(trunk: Encoder, config: HeadsConfig): HeadArchitectures {
  const { maskedLanguageModel: masked, sequenceClassification: sequence, tokenClassification: token } = config;
  return {
    ...(masked && { maskedLanguageModel: maskedLanguageModel(trunk, masked) }),
    ...(config.pooler && { pooler: pooler(trunk) }),
    ...(config.nextSentence && { nextSentence: nextSentence(trunk) }),
    ...(sequence && { sequenceClassification: sequenceClassificationOf(trunk, sequence) }),
    ...(token && { tokenClassification: tokenClassification(trunk, token) }),
  };
}

function sequenceClassificationOf(
  trunk: Encoder,
  { pooling = 'firstToken', ...options }: NonNullable<HeadsConfig['sequenceClassification']>,
): SequenceClassification {
  return sequenceClassification(trunk, { ...options, pooling: poolings[pooling] });
}

/**
 * What `headsOf` makes these heads from.
 *
 * @throws TrainbookError if one pools by a function that has no name.
 */
export function headsConfig(heads: HeadArchitectures): { readonly [Name in keyof HeadsConfig]: Json } {
  const { maskedLanguageModel: masked, sequenceClassification: sequence, tokenClassification: token } = heads;
  if (sequence !== undefined && sequence.config.pooling === undefined) {
    throw new TrainbookError({
      what: 'saveEncoder: the classification pools by a function that no file can keep',
      received: 'a function of your own',
      expected: Object.keys(poolings).join(', '),
    });
  }
  return {
    ...(masked && { maskedLanguageModel: masked.config }),
    ...(heads.pooler && { pooler: {} }),
    ...(heads.nextSentence && { nextSentence: {} }),
    ...(sequence && { sequenceClassification: sequence.config as Json }),
    ...(token && { tokenClassification: token.config }),
  };
}
