import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { decoder } from './decoder.js';
import type { Decoder } from './decoder.js';
import { decoderOptions } from './decoder-options.js';
import type { DecoderConfig } from './decoder-options.js';
import { deepSeekV3Family } from './deepseek.js';
import { withRopeKeys } from './family.js';
import type { DecoderFamily, HuggingFaceConfig } from './family.js';
import { gpt2Family } from './gpt2.js';
import { llamaFamily, llamaNames } from './llama.js';
import { mixtralFamily } from './mixtral.js';
import type { NameRule } from './names.js';
import { optFamily } from './opt.js';
import { qwen2MoeFamily, qwen3MoeFamily } from './qwen-moe.js';
import { qwen2Family, qwen3Family } from './qwen.js';

/*
 * config.json holds the whole config under `trainbook`; for a model of a published family it has Hugging Face's keys beside it, so
 * that transformers loads the folder as it is. Folders that Hugging Face's libraries wrote have these keys alone.
 *
 * {"trainbook":{"format":1,"kind":"decoder","config":{"layers":4,"width":256,…}},"model_type":"llama","hidden_size":256,…}
 */

/** The families whose files are understood. A new one is a file like `llama.ts`, and a line here. */
export const families: readonly DecoderFamily[] = [
  gpt2Family,
  optFamily,
  llamaFamily,
  qwen2Family,
  qwen3Family,
  mixtralFamily,
  qwen2MoeFamily,
  qwen3MoeFamily,
  deepSeekV3Family,
];

const ownSchema = z.looseObject({
  trainbook: z.object({
    format: z.literal(1),
    kind: z.literal('decoder'),
    config: decoderOptions.safeExtend({ vocabularySize: z.int().positive() }),
  }),
});
const typeSchema = z.looseObject({ model_type: z.string() });

/** An architecture, and how its weights are named in files. */
export interface DescribedModel {
  readonly architecture: Decoder;
  readonly names: readonly NameRule[];
  /** What names in files may begin with, or lack. */
  readonly prefix: string;
}

/** The contents of config.json. */
export function configFile({ config }: Decoder): Json {
  const own = { trainbook: { format: 1, kind: 'decoder', config: plain(config) } };
  return { ...familyOf(config)?.json, ...own };
}

/** How a model's weights are named in files: as its family has them, or else as in Llama. */
export function namesOf({ config }: Decoder): readonly NameRule[] {
  return familyOf(config)?.family.names ?? llamaNames;
}

/** The name that Hugging Face has for a model's family, such as `llama`; undefined where it is of none. */
export function familyNameOf({ config }: Decoder): string | undefined {
  return familyOf(config)?.family.modelType;
}

function familyOf(
  config: DecoderConfig,
): { readonly family: DecoderFamily; readonly json: Record<string, Json> } | undefined {
  for (const family of families) {
    const json = family.config(config);
    if (json !== undefined) return { family, json };
  }
  return undefined;
}

/** A config as JSON has it: what is undefined is left out. */
function plain(config: DecoderConfig): Json {
  return JSON.parse(JSON.stringify(config)) as Json;
}

/**
 * The architecture that a config.json describes: one that trainbook wrote, or Hugging Face's of a family that is known here.
 *
 * @throws TrainbookError if it is neither.
 */
export function describedModel(json: unknown, path: string): DescribedModel {
  const own = ownSchema.safeParse(json);
  if (own.success) {
    const architecture = decoder(own.data.trainbook.config);
    return { architecture, names: namesOf(architecture), prefix: '' };
  }
  const typed = typeSchema.safeParse(json);
  const family = families.find(({ modelType }) => typed.success && modelType === typed.data.model_type);
  if (family === undefined || typeof json !== 'object' || json === null || 'trainbook' in json) {
    const isOwn = typeof json === 'object' && json !== null && 'trainbook' in json;
    throw new TrainbookError({
      what: isOwn
        ? `${path} does not describe a trainbook model: ${z.prettifyError(own.error)}`
        : `${path} describes no model that is known here`,
      received: typed.success ? `model_type ${JSON.stringify(typed.data.model_type)}` : 'no model_type',
      expected: `the key "trainbook" with format 1 and the config of a decoder, or model_type ${families
        .map(({ modelType }) => modelType)
        .join(', ')}`,
      fix: 'encoders (BERT, RoBERTa) are read by loadEncoder, encoder–decoders (T5) by loadEncoderDecoder',
    });
  }
  const architecture = decoder(family.options(withRopeKeys(json as HuggingFaceConfig), path));
  return { architecture, names: family.names, prefix: family.prefix };
}
