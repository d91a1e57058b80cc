import { z } from 'zod';
import { treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { bertFamily } from './bert.js';
import { encoder } from './encoder.js';
import type { Encoder } from './encoder.js';
import type { EncoderFamily, TensorShapes } from './encoder-family.js';
import { encoderSchema } from './encoder-options.js';
import type { HuggingFaceConfig } from './family.js';
import type { TensorFile } from './files/stored-tensor.js';
import { headsConfig, headsOf, headsSchema } from './heads/encoder-heads.js';
import type { HeadArchitectures } from './heads/encoder-heads.js';
import type { NameRule } from './names.js';
import { isBare } from './read-tree.js';
import type { Naming } from './read-tree.js';
import { robertaFamily } from './roberta.js';
import type { WeightSpec } from './weights.js';

/*
 * config.json of an encoder: the whole config under `trainbook`, and for a BERT or a RoBERTa Hugging Face's keys beside it.
 *
 * {"trainbook":{"format":1,"kind":"encoder","config":{"layers":12,…},"heads":{"pooler":{}}},"model_type":"bert","hidden_size":768,…}
 */

/** The families whose files are understood. */
export const encoderFamilies: readonly EncoderFamily[] = [bertFamily, robertaFamily];

const ownSchema = z.looseObject({
  trainbook: z.object({
    format: z.literal(1),
    kind: z.literal('encoder'),
    config: encoderSchema,
    heads: headsSchema,
  }),
});
const typeSchema = z.looseObject({ model_type: z.string() });

/** An encoder and its heads, without weights. */
export interface HeadedEncoder {
  readonly architecture: Encoder;
  readonly heads: HeadArchitectures;
}

/** All weights of an encoder and its heads, as one tree. */
export function headedSpecs({ architecture, heads }: HeadedEncoder): Tree<WeightSpec> {
  const ofHeads = Object.entries(heads) as [string, { readonly specs: Tree<WeightSpec> }][];
  return {
    trunk: architecture.specs,
    heads: Object.fromEntries(ofHeads.map(([name, { specs }]) => [name, specs])),
  };
}

/** The contents of config.json, and how the weights are named beside it. */
export function encoderFile(headed: HeadedEncoder): { readonly json: Json; readonly names: readonly NameRule[] } {
  const { config } = headed.architecture;
  const own: Json = { format: 1, kind: 'encoder', config: { ...config }, heads: headsConfig(headed.heads) as Json };
  for (const { config: configOf, names, prefix } of encoderFamilies) {
    const json = configOf(config, headed.heads);
    if (json === undefined) continue;
    // transformers writes a trunk that has no head but the pooler without the prefix.
    const isTrunk = Object.keys(headed.heads).every((name) => name === 'pooler');
    return { json: { ...json, trainbook: own }, names: isTrunk ? names.map((rule) => without(prefix, rule)) : names };
  }
  return { json: { trainbook: own }, names: ownNames(headedSpecs(headed)) };
}

function without(prefix: string, rule: NameRule): NameRule {
  return rule.name.startsWith(prefix) ? { ...rule, name: rule.name.slice(prefix.length) } : rule;
}

/** Weights of no family are named by their paths in the tree, such as `trunk.layers.0.attention.query.weight`. */
function ownNames(specs: Tree<WeightSpec>): NameRule[] {
  const paths = treeEntries(specs).map(([path]) => path.replace(/(^|\.)\d+\./, '$1*.'));
  return [...new Set(paths)].map((path) => ({ path, name: path }));
}

/** What is read from a folder, and how its weights are named there. */
export interface DescribedEncoder extends HeadedEncoder {
  readonly naming: Naming;
}

/**
 * The encoder that a config.json describes, with the heads that the file has weights for: one that trainbook wrote, or Hugging Face's
 * of a family that is known here.
 *
 * @throws TrainbookError if it is neither.
 */
export function describedEncoder(json: unknown, file: Pick<TensorFile, 'tensors'>, path: string): DescribedEncoder {
  const own = ownSchema.safeParse(json);
  if (own.success) {
    const architecture = encoder(own.data.trainbook.config);
    const headed = { architecture, heads: headsOf(architecture, own.data.trainbook.heads) };
    const { names } = encoderFile(headed);
    return { ...headed, naming: { names, prefix: '', isDerived: () => false } };
  }
  const typed = typeSchema.safeParse(json);
  const family = encoderFamilies.find(({ modelType }) => typed.success && modelType === typed.data.model_type);
  const isOwn = typeof json === 'object' && json !== null && 'trainbook' in json;
  if (family === undefined || isOwn) {
    throw new TrainbookError({
      what: isOwn
        ? `${path} does not describe a trainbook encoder: ${z.prettifyError(own.error)}`
        : `${path} describes no encoder that is known here`,
      received: typed.success ? `model_type ${JSON.stringify(typed.data.model_type)}` : 'no model_type',
      expected: `the key "trainbook" with format 1 and the config of an encoder, or model_type ${encoderFamilies
        .map(({ modelType }) => modelType)
        .join(', ')}`,
      fix: 'decoders (GPT-2, Llama, Qwen) are read by loadModel',
    });
  }
  const config = json as HuggingFaceConfig;
  const architecture = encoder(family.options(config, path));
  const heads = headsOf(architecture, family.heads(config, path, shapesOf(file, family.prefix)));
  return { architecture, heads, naming: { names: family.names, prefix: family.prefix, isDerived } };
}

function shapesOf(file: Pick<TensorFile, 'tensors'>, prefix: string): TensorShapes {
  const before = isBare(file, prefix) ? prefix : '';
  return new Map([...file.tensors].map(([name, { shape }]) => [`${before}${name}`, shape]));
}

/** Tensors that files may hold though they follow from others: the numbers of positions, and what is tied to others. */
function isDerived(name: string): boolean {
  return /(^|\.)embeddings\.position_ids$|^(cls\.predictions|lm_head)\.decoder\.(weight|bias)$/.test(name);
}
