import { z } from 'zod';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import type { DecoderOptions } from './decoder-options.js';
import { readConfig } from './family.js';
import type { DecoderFamily } from './family.js';
import { normNames } from './names.js';

/** What makes a decoder a GPT-2: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". */
export const gpt2Options = {
  norm: 'layer',
  positions: 'learned',
  mlp: 'gelu',
  biases: 'all',
  tiedEmbeddings: true,
  context: 1024,
} as const satisfies Partial<DecoderOptions>;

/** The sizes that were published: 124, 355, 774 and 1,558 million parameters. */
export const gpt2Sizes = {
  small: { layers: 12, width: 768, heads: 12 },
  medium: { layers: 24, width: 1024, heads: 16 },
  large: { layers: 36, width: 1280, heads: 20 },
  xl: { layers: 48, width: 1600, heads: 25 },
} as const;

/**
 * A GPT-2. Options put other numbers in place of the published ones.
 *
 * @example
 * const architecture = gpt2('small', { context: 256 });
 */
export function gpt2(
  size: keyof typeof gpt2Sizes,
  options: Partial<DecoderOptions> & { readonly vocabularySize?: number } = {},
): Decoder {
  return decoder({ ...gpt2Options, ...gpt2Sizes[size], vocabularySize: 50_257, ...options });
}

const schema = z.looseObject({
  vocab_size: z.int().positive(),
  n_positions: z.int().positive(),
  n_embd: z.int().positive(),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  n_inner: z.int().positive().nullish(),
  activation_function: z.literal('gelu_new').default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  initializer_range: z.number().positive().default(0.02),
  resid_pdrop: z.number().default(0),
  tie_word_embeddings: z.boolean().default(true),
  scale_attn_weights: z.literal(true).default(true),
  scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
});

/** GPT-2 in Hugging Face's files. Its matrices lie as [inputs, outputs] there too, and those of query, key and value are one. */
export const gpt2Family: DecoderFamily = {
  modelType: 'gpt2',
  prefix: 'transformer.',
  options: (json, source) => {
    const config = readConfig(schema, json, source);
    return {
      ...gpt2Options,
      layers: config.n_layer,
      width: config.n_embd,
      heads: config.n_head,
      context: config.n_positions,
      hidden: config.n_inner ?? 4 * config.n_embd,
      tiedEmbeddings: config.tie_word_embeddings,
      normEpsilon: config.layer_norm_epsilon,
      initDeviation: config.initializer_range,
      dropout: config.resid_pdrop,
      vocabularySize: config.vocab_size,
    };
  },
  config: (config) => {
    const { norm, positions, mlp, biases, keyValueHeads, heads, headSize, width, window } = config;
    const isGpt2 =
      norm === 'layer' &&
      positions === 'learned' &&
      mlp === 'gelu' &&
      biases === 'all' &&
      keyValueHeads === heads &&
      headSize * heads === width &&
      window === undefined &&
      config.firstPosition === undefined &&
      config.experts === undefined &&
      config.depths === undefined &&
      !config.queryKeyNorm;
    if (!isGpt2) return undefined;
    return {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      activation_function: 'gelu_new',
      attn_pdrop: config.dropout,
      embd_pdrop: config.dropout,
      resid_pdrop: config.dropout,
      initializer_range: config.initDeviation,
      layer_norm_epsilon: config.normEpsilon,
      n_ctx: config.context,
      n_embd: width,
      n_head: heads,
      n_inner: config.hidden === 4 * width ? null : config.hidden,
      n_layer: config.layers,
      n_positions: config.context,
      tie_word_embeddings: config.tiedEmbeddings,
      vocab_size: config.vocabularySize,
    };
  },
  names: [
    { path: 'embedding', name: 'transformer.wte.weight' },
    { path: 'positions.weight', name: 'transformer.wpe.weight' },
    ...normNames('layers.*.attentionNorm', 'transformer.h.*.ln_1'),
    ...(['weight', 'bias'] as const).map((part) => ({
      path: ['query', 'key', 'value'].map((name) => `layers.*.attention.${name}.${part}`),
      name: `transformer.h.*.attn.c_attn.${part}`,
    })),
    ...asTheyAre('layers.*.attention.output', 'transformer.h.*.attn.c_proj'),
    ...normNames('layers.*.mlpNorm', 'transformer.h.*.ln_2'),
    ...asTheyAre('layers.*.mlp.up', 'transformer.h.*.mlp.c_fc'),
    ...asTheyAre('layers.*.mlp.down', 'transformer.h.*.mlp.c_proj'),
    ...normNames('norm', 'transformer.ln_f'),
    { path: 'output.weight', name: 'lm_head.weight' },
  ],
};

function asTheyAre(path: string, name: string): { path: string; name: string }[] {
  return ['weight', 'bias'].map((part) => ({ path: `${path}.${part}`, name: `${name}.${part}` }));
}
