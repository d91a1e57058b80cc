import { z } from 'zod';
import type { Json } from '../files.js';
import type { EncoderConfig, EncoderOptions } from './encoder-options.js';
import { readConfig } from './family.js';
import type { HuggingFaceConfig } from './family.js';
import type { HeadArchitectures, HeadsConfig } from './heads/encoder-heads.js';
import { linearNames, normNames } from './names.js';
import type { NameRule } from './names.js';

/** A family of published encoders: what its config.json means, and how its weights are named in files. */
export interface EncoderFamily {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The options that a config.json describes. @throws TrainbookError for what is not supported here. */
  readonly options: (config: HuggingFaceConfig, source: string) => EncoderOptions & { readonly vocabularySize: number };
  /** The heads whose weights a file has. */
  readonly heads: (config: HuggingFaceConfig, source: string, tensors: TensorShapes) => HeadsConfig;
  /** The config.json of a model, or undefined if the model is none of this family. */
  readonly config: (config: EncoderConfig, heads: HeadArchitectures) => Record<string, Json> | undefined;
  /** Paths begin with `trunk.` or with `heads.` and the head's name. */
  readonly names: readonly NameRule[];
  /** What names of the trunk in files begin with, or lack where there is no head. */
  readonly prefix: string;
}

/** The shapes of a file's tensors by name, the prefix being there whether or not the file has it. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

const activationNames = { geluExact: 'gelu', gelu: 'gelu_new', relu: 'relu' } as const;
const mlpNames = { gelu: 'geluExact', gelu_new: 'gelu', gelu_pytorch_tanh: 'gelu', relu: 'relu' } as const;

/** What config.json of BERT and its relatives have in common. Of the two dropouts the hidden states' is taken for both. */
const bertSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  type_vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  hidden_act: z.enum(Object.keys(mlpNames) as [keyof typeof mlpNames]).default('gelu'),
  layer_norm_eps: z.number().positive().default(1e-12),
  initializer_range: z.number().positive().default(0.02),
  hidden_dropout_prob: z.number().default(0.1),
  classifier_dropout: z.number().nullish(),
  pad_token_id: z.int().nonnegative().nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  position_embedding_type: z.literal('absolute').default('absolute'),
  is_decoder: z.literal(false).default(false),
  tie_word_embeddings: z.literal(true).default(true),
});

/** Checks a config.json, and gives what it has. @throws TrainbookError that names the key. */
export function readBertConfig(json: HuggingFaceConfig, source: string): z.output<typeof bertSchema> {
  return readConfig(bertSchema, json, source);
}

/** The options that all BERT-like config.json describe alike. */
export function bertLikeOptions(
  config: z.output<typeof bertSchema>,
  firstPosition: number,
): EncoderOptions & { readonly vocabularySize: number } {
  return {
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    heads: config.num_attention_heads,
    hidden: config.intermediate_size,
    context: config.max_position_embeddings - firstPosition,
    firstPosition,
    types: config.type_vocab_size,
    mlp: mlpNames[config.hidden_act],
    normEpsilon: config.layer_norm_eps,
    initDeviation: config.initializer_range,
    dropout: config.hidden_dropout_prob,
    vocabularySize: config.vocab_size,
  };
}

/** The classes of a classifier with so many outputs: those that config.json names, or `LABEL_0`, `LABEL_1`, … */
export function classesOf({ id2label }: z.output<typeof bertSchema>, weight: readonly number[] | undefined): string[] {
  return Array.from({ length: weight?.[0] ?? 0 }, (_, index) => id2label?.[index] ?? `LABEL_${index}`);
}

/** config.json of a BERT-like model, but for what makes its family. */
export function bertLikeConfig(config: EncoderConfig, heads: HeadArchitectures): Record<string, Json> {
  const classifier = (heads.sequenceClassification ?? heads.tokenClassification)?.config;
  return {
    attention_probs_dropout_prob: config.dropout,
    hidden_act: activationNames[config.mlp],
    hidden_dropout_prob: config.dropout,
    hidden_size: config.width,
    initializer_range: config.initDeviation,
    intermediate_size: config.hidden,
    layer_norm_eps: config.normEpsilon,
    max_position_embeddings: config.firstPosition + config.context,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    position_embedding_type: 'absolute',
    type_vocab_size: config.types,
    vocab_size: config.vocabularySize,
    ...(classifier && {
      classifier_dropout: classifier.dropout === config.dropout ? null : classifier.dropout,
      id2label: Object.fromEntries(classifier.classes.map((name, index) => [String(index), name])),
      label2id: Object.fromEntries(classifier.classes.map((name, index) => [name, index])),
    }),
  };
}

/**
 * The class of transformers that has just these heads, its pooler aside.
 *
 * @param classes By the names of the heads, sorted and joined by `+`.
 */
export function classOf(heads: HeadArchitectures, classes: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(heads).filter((name) => name !== 'pooler');
  return classes[names.sort().join('+')];
}

/** The names of a BERT-like trunk's weights. */
export function trunkNames(prefix: string): NameRule[] {
  const embeddings = `${prefix}embeddings`;
  const layer = `${prefix}encoder.layer.*`;
  return [
    { path: 'trunk.embedding', name: `${embeddings}.word_embeddings.weight` },
    { path: 'trunk.positions', name: `${embeddings}.position_embeddings.weight` },
    { path: 'trunk.types', name: `${embeddings}.token_type_embeddings.weight` },
    ...normNames('trunk.embeddingNorm', `${embeddings}.LayerNorm`),
    ...linearNames('trunk.layers.*.attention.query', `${layer}.attention.self.query`),
    ...linearNames('trunk.layers.*.attention.key', `${layer}.attention.self.key`),
    ...linearNames('trunk.layers.*.attention.value', `${layer}.attention.self.value`),
    ...linearNames('trunk.layers.*.attention.output', `${layer}.attention.output.dense`),
    ...normNames('trunk.layers.*.attentionNorm', `${layer}.attention.output.LayerNorm`),
    ...linearNames('trunk.layers.*.mlp.up', `${layer}.intermediate.dense`),
    ...linearNames('trunk.layers.*.mlp.down', `${layer}.output.dense`),
    ...normNames('trunk.layers.*.mlpNorm', `${layer}.output.LayerNorm`),
  ];
}
