import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import type { Decoder } from './decoder.js';
import { lora } from './lora.js';
import type { Lora } from './lora.js';
import { lastNames, linearModules } from './lora-targets.js';
import { prefixTuning } from './prefix-tuning.js';
import type { PrefixTuning } from './prefix-tuning.js';
import { promptTuning } from './prompt-tuning.js';
import type { PromptTuning } from './prompt-tuning.js';

/*
 * adapter_config.json as PEFT 0.21 writes it: keys in alphabetical order, most of them settings that are off.
 *
 * {"bias": "none", "fan_in_fan_out": false, "lora_alpha": 8, "lora_dropout": 0.0, "peft_type": "LORA", "r": 4,
 *  "rank_pattern": {}, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", "use_dora": false, …}
 */

/** A way of adapting that PEFT has files for here. */
export type PeftMethod = Lora | PrefixTuning | PromptTuning;

/** What every file says that does not change what the adapter computes. */
const notes = {
  auto_mapping: z.unknown(),
  base_model_name_or_path: z.unknown(),
  inference_mode: z.unknown(),
  peft_version: z.unknown(),
  revision: z.unknown(),
  task_type: z.literal('CAUSAL_LM').nullish(),
};

const loraSchema = z.looseObject({
  ...notes,
  peft_type: z.literal('LORA'),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([z.literal('all-linear'), z.array(z.string()).min(1)], {
    error: "a list of names or 'all-linear' is expected; patterns are not supported",
  }),
  use_rslora: z.boolean().default(false),
  use_dora: z.boolean().default(false),
  // How the base has its matrices, of which A and B are independent.
  fan_in_fan_out: z.unknown(),
  bias: z.literal('none').default('none'),
  // Starts such as PiSSA change the base's weights.
  init_lora_weights: z.union([z.boolean(), z.literal('gaussian')]).default(true),
  megatron_core: z.unknown(), // unused without megatron_config
  qalora_group_size: z.unknown(), // unused without use_qalora
});

const virtual = {
  ...notes,
  num_virtual_tokens: z.int().positive(),
  num_layers: z.int().positive().nullish(),
  num_attention_heads: z.int().positive().nullish(),
  token_dim: z.int().positive().nullish(),
  num_transformer_submodules: z.literal(1).nullish(),
};

const prefixSchema = z.looseObject({
  ...virtual,
  peft_type: z.literal('PREFIX_TUNING'),
  // Files have the prefix itself, whatever made it.
  prefix_projection: z.unknown(),
  encoder_hidden_size: z.unknown(),
  init_weights: z.unknown(),
});

const promptSchema = z.looseObject({
  ...virtual,
  peft_type: z.literal('PROMPT_TUNING'),
  prompt_tuning_init: z.string().default('RANDOM'),
  prompt_tuning_init_text: z.unknown(),
  tokenizer_kwargs: z.unknown(),
  tokenizer_name_or_path: z.unknown(),
});

const schema = z.discriminatedUnion('peft_type', [loraSchema, prefixSchema, promptSchema]);

/**
 * The method that an adapter_config.json describes.
 *
 * @throws TrainbookError for what is not supported here: a setting that is not known must be off (null, false or empty).
 */
export function peftMethod(json: unknown, { config }: Decoder, source: string): PeftMethod {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new TrainbookError({
      what: `${source} describes an adapter that is not supported here`,
      received: z.prettifyError(parsed.error),
      expected: 'LORA without biases, PREFIX_TUNING or PROMPT_TUNING of PEFT, for CAUSAL_LM',
    });
  }
  const settings = parsed.data;
  const option = schema.options.find(({ shape }) => shape.peft_type.value === settings.peft_type);
  const active = Object.entries(settings).filter(([name, value]) => !(name in (option?.shape ?? {})) && !isOff(value));
  if (active.length > 0) {
    throw new TrainbookError({
      what: `${source} has settings that are not supported here`,
      received: active.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', '),
      expected: 'settings that are not known here to be off: null, false or empty',
    });
  }
  if (settings.peft_type === 'LORA') {
    return lora({
      rank: settings.r,
      alpha: settings.lora_alpha,
      dropout: settings.lora_dropout,
      targets: settings.target_modules,
      scaling: settings.use_rslora ? 'root' : 'rank',
      dora: settings.use_dora,
    });
  }
  const { layers, width, keyValueHeads, headSize } = config;
  const numVirtualTokens = settings.num_virtual_tokens;
  if (settings.peft_type === 'PREFIX_TUNING') {
    const sizes = { num_layers: layers, num_attention_heads: keyValueHeads, token_dim: keyValueHeads * headSize };
    checkSizes(settings, sizes, source);
    return prefixTuning({ numVirtualTokens });
  }
  checkSizes(settings, { token_dim: width }, source);
  return promptTuning({ numVirtualTokens, start: settings.prompt_tuning_init === 'RANDOM' ? 'random' : 'vocabulary' });
}

function isOff(value: unknown): boolean {
  if (value === null || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function checkSizes(
  settings: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, number>>,
  source: string,
): void {
  const wrong = Object.entries(expected).filter(([name, size]) => (settings[name] ?? size) !== size);
  if (wrong.length === 0) return;
  throw new TrainbookError({
    what: `${source} is for a model of another shape`,
    received: wrong.map(([name]) => `${name} ${String(settings[name])}`).join(', '),
    expected: wrong.map(([name, size]) => `${name} ${size}`).join(', '),
  });
}

/** Settings of LoRA that PEFT 0.21.2 writes and that are off. */
const offInLora = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_bias: false,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  modules_to_save: null,
  monteclora_config: null,
  qalora_group_size: 16,
  rank_pattern: {},
  target_parameters: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_qalora: false,
  velora_config: null,
} as const;

/** The text of adapter_config.json, byte by byte as PEFT 0.21.2 writes it. `base` is the base's name or path. */
export function peftConfigText(method: PeftMethod, architecture: Decoder, base: string | null): string {
  const settings: Record<string, Json> = {
    auto_mapping: null,
    base_model_name_or_path: base,
    inference_mode: true,
    peft_version: '0.21.2',
    revision: null,
    task_type: 'CAUSAL_LM',
    ...settingsOf(method, architecture),
  };
  const sorted = Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  // Python writes a float that is whole with its point.
  return JSON.stringify(sorted, null, 2).replace(/"lora_dropout": 0,/, '"lora_dropout": 0.0,');
}

function settingsOf(method: PeftMethod, architecture: Decoder): Record<string, Json> {
  const { layers, width, heads, keyValueHeads, headSize } = architecture.config;
  const virtualTokens = { modules_to_save: null, num_layers: layers, num_transformer_submodules: 1 };
  switch (method.kind) {
    case 'lora': {
      const { rank, alpha, dropout, targets, scaling, dora } = method.config;
      const modules = linearModules(architecture);
      return {
        ...offInLora,
        bias: 'none',
        fan_in_fan_out: modules.some(({ inputsFirst }) => inputsFirst),
        init_lora_weights: true,
        lora_alpha: alpha,
        lora_dropout: dropout,
        peft_type: 'LORA',
        r: rank,
        target_modules: targets === 'all-linear' ? lastNames(modules) : [...targets].sort(),
        use_dora: dora,
        use_rslora: scaling === 'root',
      };
    }
    case 'prefix':
      return {
        ...virtualTokens,
        encoder_hidden_size: keyValueHeads * headSize,
        init_weights: null,
        num_attention_heads: keyValueHeads,
        num_virtual_tokens: method.config.numVirtualTokens,
        peft_type: 'PREFIX_TUNING',
        prefix_projection: false,
        token_dim: keyValueHeads * headSize,
      };
    case 'prompt':
      return {
        ...virtualTokens,
        num_attention_heads: heads,
        num_virtual_tokens: method.config.numVirtualTokens,
        peft_type: 'PROMPT_TUNING',
        prompt_tuning_init: method.config.start === 'random' ? 'RANDOM' : 'SAMPLE_VOCAB',
        prompt_tuning_init_text: null,
        token_dim: width,
        tokenizer_kwargs: null,
        tokenizer_name_or_path: null,
      };
  }
}
