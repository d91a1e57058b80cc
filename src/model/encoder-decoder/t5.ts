import { z } from 'zod';
import type { Json } from '../../files.js';
import { encoderDecoder } from './encoder-decoder.js';
import type { EncoderDecoder } from './encoder-decoder.js';
import type { EncoderDecoderConfig, EncoderDecoderOptions } from './encoder-decoder-options.js';
import { readConfig } from '../family.js';
import type { HuggingFaceConfig } from '../family.js';
import { linearNames, normNames } from '../names.js';
import type { NameRule } from '../names.js';

/** The first T5: Raffel 2019, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (1910.10683). */
export const t5Options = {
  mlp: 'relu',
  tiedEmbeddings: true,
  buckets: 32,
  distance: 128,
  startToken: 0,
  normEpsilon: 1e-6,
  dropout: 0.1,
} as const satisfies Partial<EncoderDecoderOptions>;

/**
 * T5 v1.1: gated GELU (Shazeer 2020, 2002.05202), and a table of its own for the logits. Pretrained without dropout, on text alone;
 * fine-tune it with 0.1.
 */
export const t5V11Options = {
  ...t5Options,
  mlp: 'geglu',
  tiedEmbeddings: false,
} as const satisfies Partial<EncoderDecoderOptions>;

/** The sizes that were published. */
export const t5Sizes = {
  small: { layers: 6, width: 512, heads: 8, hidden: 2048 },
  base: { layers: 12, width: 768, heads: 12, hidden: 3072 },
  large: { layers: 24, width: 1024, heads: 16, hidden: 4096 },
  '3b': { layers: 24, width: 1024, heads: 32, headSize: 128, hidden: 16_384 },
  '11b': { layers: 24, width: 1024, heads: 128, headSize: 128, hidden: 65_536 },
} as const satisfies Record<string, EncoderDecoderOptions>;

/** The sizes of v1.1. */
export const t5V11Sizes = {
  small: { layers: 8, width: 512, heads: 6, headSize: 64, hidden: 1024 },
  base: { layers: 12, width: 768, heads: 12, headSize: 64, hidden: 2048 },
  large: { layers: 24, width: 1024, heads: 16, headSize: 64, hidden: 2816 },
  xl: { layers: 24, width: 2048, heads: 32, headSize: 64, hidden: 5120 },
  xxl: { layers: 24, width: 4096, heads: 64, headSize: 64, hidden: 10_240 },
} as const satisfies Record<string, EncoderDecoderOptions>;

type Other = Partial<EncoderDecoderOptions> & { readonly vocabularySize?: number };

/** 32,000 pieces, 100 sentinels, and some that stand for nothing so that the number is a multiple of 128. */
const vocabularySize = 32_128;

/**
 * A T5, the first version. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = t5('small', { vocabularySize: tokenizer.size });
 */
export function t5(size: keyof typeof t5Sizes, options: Other = {}): EncoderDecoder {
  return encoderDecoder({ ...t5Options, ...t5Sizes[size], vocabularySize, ...options });
}

/**
 * A T5 v1.1. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = t5V11('base', { vocabularySize: tokenizer.size });
 */
export function t5V11(size: keyof typeof t5V11Sizes, options: Other = {}): EncoderDecoder {
  return encoderDecoder({ ...t5V11Options, ...t5V11Sizes[size], vocabularySize, ...options });
}

const mlpNames = {
  relu: 'relu',
  gelu: 'geluExact',
  gelu_new: 'gelu',
  'gated-gelu': 'geglu',
  'gated-gelu_new': 'geglu',
  'gated-silu': 'swiglu',
} as const;
const projections = {
  relu: 'relu',
  geluExact: 'gelu',
  gelu: 'gelu_new',
  geglu: 'gated-gelu',
  swiglu: 'gated-silu',
} as const;

const schema = z.looseObject({
  vocab_size: z.int().positive(),
  d_model: z.int().positive(),
  d_kv: z.int().positive(),
  d_ff: z.int().positive(),
  num_layers: z.int().positive(),
  num_decoder_layers: z.int().positive().nullish(),
  num_heads: z.int().positive(),
  relative_attention_num_buckets: z.int().positive().default(32),
  relative_attention_max_distance: z.int().positive().default(128),
  feed_forward_proj: z.enum(Object.keys(mlpNames) as [keyof typeof mlpNames]).default('relu'),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  initializer_factor: z.number().positive().default(1),
  dropout_rate: z.number().default(0.1),
  decoder_start_token_id: z.int().nonnegative().nullish(),
  pad_token_id: z.int().nonnegative().nullish(),
  tie_word_embeddings: z.boolean().default(true),
  // transformers 5 ties the tables of every T5 unless the file has both, and says here whether states are scaled.
  scale_decoder_outputs: z.boolean().nullish(),
});

/**
 * The options that a T5's config.json describes.
 *
 * @param hasOutput Whether the file has a table for the logits; files of tied models may have it too.
 * @throws TrainbookError for what is not supported here.
 */
export function optionsOfT5(
  json: HuggingFaceConfig,
  source: string,
  hasOutput: boolean,
): EncoderDecoderOptions & { readonly vocabularySize: number } {
  const config = readConfig(schema, json, source);
  const scaledOutput = config.scale_decoder_outputs ?? config.tie_word_embeddings;
  return {
    layers: config.num_layers,
    decoderLayers: config.num_decoder_layers ?? config.num_layers,
    width: config.d_model,
    heads: config.num_heads,
    headSize: config.d_kv,
    hidden: config.d_ff,
    mlp: mlpNames[config.feed_forward_proj],
    buckets: config.relative_attention_num_buckets,
    distance: config.relative_attention_max_distance,
    tiedEmbeddings: scaledOutput || (config.tie_word_embeddings && !hasOutput),
    scaledOutput,
    startToken: config.decoder_start_token_id ?? config.pad_token_id ?? 0,
    normEpsilon: config.layer_norm_epsilon,
    initFactor: config.initializer_factor,
    dropout: config.dropout_rate,
    vocabularySize: config.vocab_size,
  };
}

/** The config.json of a T5, or undefined where transformers has no words for it: tables apart and states scaled, or a T5 of v1.1 that is tied. */
export function configOfT5(config: EncoderDecoderConfig): Record<string, Json> | undefined {
  if (config.tiedEmbeddings !== config.scaledOutput) return undefined;
  return {
    architectures: ['T5ForConditionalGeneration'],
    model_type: 't5',
    is_encoder_decoder: true,
    d_model: config.width,
    d_kv: config.headSize,
    d_ff: config.hidden,
    num_layers: config.layers,
    num_decoder_layers: config.decoderLayers,
    num_heads: config.heads,
    relative_attention_num_buckets: config.buckets,
    relative_attention_max_distance: config.distance,
    feed_forward_proj: projections[config.mlp],
    layer_norm_epsilon: config.normEpsilon,
    // transformers 5 wants a number with a point here, which JSON does not keep; its default is 1.
    ...(Number.isInteger(config.initFactor) ? {} : { initializer_factor: config.initFactor }),
    dropout_rate: config.dropout,
    decoder_start_token_id: config.startToken,
    pad_token_id: config.startToken,
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: 'float32',
    vocab_size: config.vocabularySize,
  };
}

/** The names of T5's weights in files; a block's parts are numbered there. */
export const t5Names: readonly NameRule[] = [
  { path: 'embedding', name: 'shared.weight' },
  ...stackNames('encoder', { mlp: 1 }),
  ...stackNames('decoder', { mlp: 2 }),
  ...normNames('decoder.layers.*.crossNorm', 'decoder.block.*.layer.1.layer_norm'),
  ...attentionNames('decoder.layers.*.cross', 'decoder.block.*.layer.1.EncDecAttention'),
  { path: 'output.weight', name: 'lm_head.weight' },
];

function stackNames(stack: 'encoder' | 'decoder', { mlp }: { readonly mlp: 1 | 2 }): NameRule[] {
  const block = `${stack}.block.*.layer`;
  return [
    { path: `${stack}.relative`, name: `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight` },
    ...normNames(`${stack}.layers.*.attentionNorm`, `${block}.0.layer_norm`),
    ...attentionNames(`${stack}.layers.*.attention`, `${block}.0.SelfAttention`),
    ...normNames(`${stack}.layers.*.mlpNorm`, `${block}.${mlp}.layer_norm`),
    ...linearNames(`${stack}.layers.*.mlp.gate`, `${block}.${mlp}.DenseReluDense.wi_0`),
    ...linearNames(`${stack}.layers.*.mlp.up`, `${block}.${mlp}.DenseReluDense.wi`),
    ...linearNames(`${stack}.layers.*.mlp.down`, `${block}.${mlp}.DenseReluDense.wo`),
    ...normNames(`${stack}.norm`, `${stack}.final_layer_norm`),
  ];
}

function attentionNames(path: string, name: string): NameRule[] {
  const parts = { query: 'q', key: 'k', value: 'v', output: 'o' };
  return Object.entries(parts).flatMap(([part, letter]) => linearNames(`${path}.${part}`, `${name}.${letter}`));
}

/** The same of a T5 with a gated network, whose `up` is a second matrix there. */
export const gatedT5Names: readonly NameRule[] = t5Names.map((rule) =>
  rule.name.includes('.wi.') ? { ...rule, name: rule.name.replace('.wi.', '.wi_1.') } : rule,
);

/** Tensors that files may hold though they follow from others: copies of the table, and a bias that one old release left there. */
export function isDerivedInT5(name: string): boolean {
  return /^((en|de)coder\.embed_tokens\.weight|lm_head\.weight|decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight)$/.test(
    name,
  );
}
