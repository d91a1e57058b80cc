import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Summary } from '../figure.js';
import { readJson, replaceAtomic } from '../files.js';
import type { Codec } from '../files.js';
import { configFile, describedModel, namesOf } from './config-file.js';
import type { DescribedModel } from './config-file.js';
import type { Decoder } from './decoder.js';
import { openWeights } from './files/open-weights.js';
import { safetensorsParts } from './files/safetensors.js';
import { writeShards } from './files/sharded.js';
import type { FileHashes, ShardOptions } from './files/sharded.js';
import type { TensorFile } from './files/stored-tensor.js';
import { storedWeights, writableWeights } from './names.js';
import { readTree } from './read-tree.js';
import { mapWeights } from './weights.js';
import type { DecoderWeights } from './weights.js';

/** An architecture and weights for it. Neither ever changes: training makes another model. */
export interface Model {
  readonly architecture: Decoder;
  readonly weights: DecoderWeights;
}

/**
 * The hash of a model's weights: that of the `model.safetensors` it would be saved as. Equal numbers give equal hashes.
 *
 * @example
 * await weightHash(model); // '9f86d081884c7d659a2feaa0c55ad015'
 */
export async function weightHash(model: Model): Promise<string> {
  const sha = createHash('sha256');
  const tensors = await storedWeights(model.weights, namesOf(model.architecture));
  for (const part of safetensorsParts({ tensors, metadata })) sha.update(part);
  return sha.digest('hex').slice(0, 32);
}

/** transformers refuses a file without it. */
const metadata = { format: 'pt' };

/**
 * Writes `model.safetensors` and `config.json` into a folder, the weights in shards where they are larger than `maxShardBytes`; gives
 * the hash of the weights.
 *
 * @example
 * await saveModel(model, 'my-model');
 */
export async function saveModel(model: Model, folder: string, options: ShardOptions = {}): Promise<string> {
  const hashes = await writeModel(model, folder, options);
  return hashes['model.safetensors'] ?? weightHash(model);
}

/** The same; gives the hashes of the files. */
export async function writeModel(model: Model, folder: string, options: ShardOptions = {}): Promise<FileHashes> {
  await mkdir(folder, { recursive: true });
  const config = `${JSON.stringify(configFile(model.architecture), null, 2)}\n`;
  const configHash = await replaceAtomic(join(folder, 'config.json'), [config]);
  const tensors = writableWeights(model.weights, namesOf(model.architecture));
  return { 'config.json': configHash, ...(await writeShards(folder, { tensors, metadata }, options)) };
}

/**
 * Reads the model of a folder: one that `saveModel` wrote, or Hugging Face's (GPT-2, OPT, Llama, Qwen2, Qwen3, Mixtral, Qwen-MoE,
 * DeepSeek-V3), its weights in
 * safetensors or PyTorch's files, in one or in shards.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 * @example
 * const model = await loadModel('models/SmolLM2-135M-Instruct');
 */
export async function loadModel(folder: string): Promise<Model> {
  const configPath = join(folder, 'config.json');
  const described = describedModel(await readJson(configPath), configPath);
  const file = await openWeights(folder);
  try {
    return { architecture: described.architecture, weights: await readWeights(described, file, folder) };
  } finally {
    await file.close();
  }
}

/**
 * The weights of an architecture from an open file.
 *
 * @throws TrainbookError if a tensor is missing, left over, or of another shape.
 */
export async function readWeights(
  { architecture, names, prefix }: DescribedModel,
  file: Pick<TensorFile, 'tensors'>,
  source: string,
): Promise<DecoderWeights> {
  const isDerivedHere = (name: string): boolean => isDerived(name, architecture);
  const tree = await readTree(architecture.specs, { names, prefix, isDerived: isDerivedHere }, file, source);
  return tree as unknown as DecoderWeights;
}

/** Tensors that files may hold though they follow from others: masks, frequencies, and the output table of tied models. */
function isDerived(name: string, { config }: Decoder): boolean {
  return (
    /(\.attn\.(masked_)?bias|rotary_emb\.inv_freq)$/.test(name) || (config.tiedEmbeddings && name === 'lm_head.weight')
  );
}

/** How a run keeps a model: `config.json` and `model.safetensors`, a folder that Hugging Face transformers loads where it knows the architecture. */
export const modelCodec: Codec<Model> = {
  kind: 'model',
  is: (value): value is Model =>
    typeof value === 'object' &&
    value !== null &&
    'weights' in value &&
    (value as Partial<Model>).architecture?.kind === 'decoder',
  write: async (model, folder) => {
    await saveModel(model, folder);
  },
  read: loadModel,
  dispose: ({ weights }) => {
    mapWeights(weights, (tensor) => {
      tensor.dispose();
    });
  },
  summarise: summariseModel,
};

/** What a report shows of a model. */
export function summariseModel({ architecture }: Model): Summary {
  const { config, numParameters, numActiveParameters, flopsPerToken } = architecture;
  const { experts, latent } = config;
  return {
    title: 'Decoder',
    facts: {
      parameters: numParameters,
      ...(experts && { 'active parameters': numActiveParameters }),
      'forward FLOPs per token': flopsPerToken,
      layers: config.layers,
      'width (features)': config.width,
      heads: config.heads,
      'context (tokens)': config.context,
      'vocabulary (tokens)': config.vocabularySize,
      ...(experts && { experts: `${experts.number}, of which a token goes through ${experts.active}` }),
      parts: `${config.norm} norm, ${config.positions} positions, ${latent ? 'latent attention, ' : ''}${config.mlp}`,
    },
  };
}
