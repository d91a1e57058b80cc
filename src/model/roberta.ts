import { encoder } from './encoder.js';
import type { Encoder } from './encoder.js';
import type { EncoderOptions } from './encoder-options.js';
import { bertLikeConfig, bertLikeOptions, classesOf, classOf, readBertConfig, trunkNames } from './encoder-family.js';
import type { EncoderFamily } from './encoder-family.js';
import type { HeadArchitectures } from './heads/encoder-heads.js';
import { linearNames, normNames } from './names.js';

/**
 * What makes an encoder a RoBERTa: Liu et al. 2019, "RoBERTa" (1907.11692). Its first token has row 2 of the position table, one more
 * than the number of its padding token; row 1 is the padding's, which no token ever reads.
 */
export const robertaOptions = {
  types: 1,
  context: 512,
  mlp: 'geluExact',
  firstPosition: 2,
  normEpsilon: 1e-5,
  dropout: 0.1,
} as const satisfies Partial<EncoderOptions>;

/** Sizes that were published: 125 and 355 million parameters with the pooler. */
export const robertaSizes = {
  base: { layers: 12, width: 768, heads: 12 },
  large: { layers: 24, width: 1024, heads: 16 },
} as const;

/**
 * A RoBERTa. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = roberta('base', { vocabularySize: tokenizer.size });
 */
export function roberta(
  size: keyof typeof robertaSizes,
  options: Partial<EncoderOptions> & { readonly vocabularySize?: number } = {},
): Encoder {
  return encoder({ ...robertaOptions, ...robertaSizes[size], vocabularySize: 50_265, ...options });
}

const classes = {
  '': 'RobertaModel',
  maskedLanguageModel: 'RobertaForMaskedLM',
  sequenceClassification: 'RobertaForSequenceClassification',
  tokenClassification: 'RobertaForTokenClassification',
};

function areAsInRoberta({ maskedLanguageModel, sequenceClassification }: HeadArchitectures): boolean {
  if (maskedLanguageModel !== undefined && maskedLanguageModel.config.activation !== 'geluExact') return false;
  if (sequenceClassification === undefined) return true;
  const { dense, inputDropout, dropout, pooling } = sequenceClassification.config;
  return dense && inputDropout === dropout && pooling === 'firstToken';
}

/** RoBERTa in Hugging Face's files. */
export const robertaFamily: EncoderFamily = {
  modelType: 'roberta',
  prefix: 'roberta.',
  options: (json, source) => {
    const config = readBertConfig(json, source);
    return bertLikeOptions(config, (config.pad_token_id ?? 1) + 1);
  },
  heads: (json, source, tensors) => {
    const config = readBertConfig(json, source);
    const dropout = config.classifier_dropout ?? config.hidden_dropout_prob;
    const sequence = classesOf(config, tensors.get('classifier.out_proj.weight'));
    const token = classesOf(config, tensors.get('classifier.weight'));
    return {
      ...(tensors.has('lm_head.bias') && { maskedLanguageModel: {} }),
      ...(sequence.length > 0 && { sequenceClassification: { classes: sequence, dropout, inputDropout: dropout } }),
      ...(token.length > 0 && { tokenClassification: { classes: token, dropout } }),
      ...(tensors.has('roberta.pooler.dense.weight') && { pooler: {} }),
    };
  },
  config: (config, heads) => {
    const name = classOf(heads, classes);
    if (config.firstPosition === 0 || config.types === 0 || name === undefined || !areAsInRoberta(heads))
      return undefined;
    return {
      architectures: [name],
      model_type: 'roberta',
      pad_token_id: config.firstPosition - 1,
      ...bertLikeConfig(config, heads),
    };
  },
  names: [
    ...trunkNames('roberta.'),
    ...linearNames('heads.maskedLanguageModel.dense', 'lm_head.dense'),
    ...normNames('heads.maskedLanguageModel.norm', 'lm_head.layer_norm'),
    { path: 'heads.maskedLanguageModel.bias', name: 'lm_head.bias' },
    ...linearNames('heads.pooler.dense', 'roberta.pooler.dense'),
    ...linearNames('heads.sequenceClassification.dense', 'classifier.dense'),
    ...linearNames('heads.sequenceClassification.output', 'classifier.out_proj'),
    ...linearNames('heads.tokenClassification.output', 'classifier'),
  ],
};
