import { encoder } from './encoder.js';
import type { Encoder } from './encoder.js';
import type { EncoderOptions } from './encoder-options.js';
import { bertLikeConfig, bertLikeOptions, classesOf, classOf, readBertConfig, trunkNames } from './encoder-family.js';
import type { EncoderFamily } from './encoder-family.js';
import type { HeadArchitectures } from './heads/encoder-heads.js';
import { linearNames, normNames } from './names.js';

/** What makes an encoder a BERT: Devlin et al. 2018, "BERT" (1810.04805). */
export const bertOptions = {
  types: 2,
  context: 512,
  mlp: 'geluExact',
  firstPosition: 0,
  normEpsilon: 1e-12,
  dropout: 0.1,
} as const satisfies Partial<EncoderOptions>;

/** Sizes that were published: 109 and 335 million parameters with the pooler; MiniLM (Wang 2020, 2002.10957) has 23 million. */
export const bertSizes = {
  base: { layers: 12, width: 768, heads: 12 },
  large: { layers: 24, width: 1024, heads: 16 },
  minilm: { layers: 6, width: 384, heads: 12 },
} as const;

/**
 * A BERT, with the vocabulary of the uncased English ones unless another is given. Options put other numbers in place of the
 * published ones.
 *
 * @example
 * const architecture = bert('base', { vocabularySize: tokenizer.size });
 */
export function bert(
  size: keyof typeof bertSizes,
  options: Partial<EncoderOptions> & { readonly vocabularySize?: number } = {},
): Encoder {
  return encoder({ ...bertOptions, ...bertSizes[size], vocabularySize: 30_522, ...options });
}

/** transformers' classes by their heads, the pooler aside. */
const classes = {
  '': 'BertModel',
  nextSentence: 'BertForNextSentencePrediction',
  'maskedLanguageModel+nextSentence': 'BertForPreTraining',
  sequenceClassification: 'BertForSequenceClassification',
  maskedLanguageModel: 'BertForMaskedLM',
  tokenClassification: 'BertForTokenClassification',
};

/** The next sentence's first layer, and the classification's, is what transformers calls the pooler: there is one of the three. */
function areAsInBert(mlp: string, { pooler, nextSentence, maskedLanguageModel, ...heads }: HeadArchitectures): boolean {
  const sequence = heads.sequenceClassification;
  if (pooler !== undefined && (nextSentence ?? sequence) !== undefined) return false;
  if (maskedLanguageModel !== undefined && maskedLanguageModel.config.activation !== mlp) return false;
  if (sequence === undefined) return true;
  const { dense, inputDropout, pooling } = sequence.config;
  return dense && inputDropout === 0 && pooling === 'firstToken';
}

/** BERT in Hugging Face's files. */
export const bertFamily: EncoderFamily = {
  modelType: 'bert',
  prefix: 'bert.',
  options: (json, source) => bertLikeOptions(readBertConfig(json, source), 0),
  heads: (json, source, tensors) => {
    const config = readBertConfig(json, source);
    const dropout = config.classifier_dropout ?? config.hidden_dropout_prob;
    const found = classesOf(config, tensors.get('classifier.weight'));
    const ofTokens = config.architectures?.includes('BertForTokenClassification') ?? false;
    const ofSequences = found.length > 0 && !ofTokens;
    const isNext = tensors.has('cls.seq_relationship.weight');
    const { mlp = 'geluExact' } = bertLikeOptions(config, 0);
    return {
      ...(tensors.has('cls.predictions.bias') && { maskedLanguageModel: { activation: mlp } }),
      ...(isNext && { nextSentence: {} }),
      ...(ofSequences && { sequenceClassification: { classes: found, dropout } }),
      ...(found.length > 0 && ofTokens && { tokenClassification: { classes: found, dropout } }),
      ...(tensors.has('bert.pooler.dense.weight') && !isNext && !ofSequences && { pooler: {} }),
    };
  },
  config: (config, heads) => {
    const name = classOf(heads, classes);
    if (config.firstPosition !== 0 || config.types === 0 || name === undefined || !areAsInBert(config.mlp, heads))
      return undefined;
    return { architectures: [name], model_type: 'bert', pad_token_id: 0, ...bertLikeConfig(config, heads) };
  },
  names: [
    ...trunkNames('bert.'),
    ...linearNames('heads.maskedLanguageModel.dense', 'cls.predictions.transform.dense'),
    ...normNames('heads.maskedLanguageModel.norm', 'cls.predictions.transform.LayerNorm'),
    { path: 'heads.maskedLanguageModel.bias', name: 'cls.predictions.bias' },
    ...['pooler', 'nextSentence', 'sequenceClassification'].flatMap((head) =>
      linearNames(`heads.${head}.dense`, 'bert.pooler.dense'),
    ),
    ...linearNames('heads.nextSentence.output', 'cls.seq_relationship'),
    ...linearNames('heads.sequenceClassification.output', 'classifier'),
    ...linearNames('heads.tokenClassification.output', 'classifier'),
  ],
};
