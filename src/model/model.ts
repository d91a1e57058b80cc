import * as tf from '@tensorflow/tfjs';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../error.js';
import type { Summary } from '../figure.js';
import { readJson, writeAtomic } from '../files.js';
import type { Codec } from '../files.js';
import { treeEntries } from '../engine/tree.js';
import { architectureOf, configFile } from './config-file.js';
import type { Decoder } from './decoder.js';
import { fileName, turn } from './names.js';
import { readSafetensors, safetensorsParts, writeSafetensors } from './files/safetensors.js';
import type { StoredTensor } from './files/safetensors.js';
import { mapWeights } from './weights.js';
import type { DecoderWeights, WeightSpec } from './weights.js';

/** An architecture and weights for it. Neither ever changes: training makes another model. */
export interface Model {
  readonly architecture: Decoder;
  readonly weights: DecoderWeights;
}

/** The weights as files have them: under Hugging Face's names, matrices as [outputs, inputs]. */
export async function storedWeights(weights: DecoderWeights): Promise<Map<string, StoredTensor>> {
  const stored = new Map<string, StoredTensor>();
  for (const [path, tensor] of treeEntries<tf.Tensor>(weights)) {
    const { name, turned } = fileName(path);
    const asIs = { shape: tensor.shape, elements: (await tensor.data()) as Float32Array };
    stored.set(name, turned ? turn(asIs) : asIs);
  }
  return stored;
}

/**
 * The weights of an architecture from a file's tensors.
 *
 * @throws TrainbookError if a tensor is missing, left over, or of another shape or dtype.
 */
export function weightsFromStored(
  architecture: Decoder,
  stored: ReadonlyMap<string, StoredTensor>,
  source: string,
): DecoderWeights {
  const known = new Set(treeEntries<WeightSpec>(architecture.specs).map(([path]) => fileName(path).name));
  const left = [...stored.keys()].filter((name) => !known.has(name));
  if (left.length > 0) {
    throw new TrainbookError({
      what: `${source} has weights that the architecture has no place for`,
      received: left.sort().join(', '),
      expected: 'the weights of its config.json',
    });
  }
  return mapWeights(architecture.specs, ({ shape }, path) => {
    const { name, turned } = fileName(path);
    const tensor = stored.get(name);
    const expected = turned ? [...shape].reverse() : shape;
    if (!(tensor?.elements instanceof Float32Array) || tensor.shape.join() !== expected.join()) {
      throw new TrainbookError({
        what: `${source}: the weight ${name} does not fit the architecture`,
        received:
          tensor === undefined ? 'no such tensor' : `${tensor.elements.constructor.name} [${tensor.shape.join(', ')}]`,
        expected: `float32 [${expected.join(', ')}]`,
      });
    }
    const { elements } = tensor;
    return tf.tensor(turned ? turn({ shape: expected, elements }).elements : elements, [...shape]);
  });
}

/**
 * The hash of a model's weights: that of the `model.safetensors` it would be saved as. Equal numbers give equal hashes.
 *
 * @example
 * await weightHash(model); // '9f86d081884c7d659a2feaa0c55ad015'
 */
export async function weightHash(model: Model): Promise<string> {
  const sha = createHash('sha256');
  for (const part of safetensorsParts({ tensors: await storedWeights(model.weights), metadata })) sha.update(part);
  return sha.digest('hex').slice(0, 32);
}

/** transformers refuses a file without it. */
const metadata = { format: 'pt' };

/** Writes `model.safetensors` and `config.json` into a folder; gives the hash of the weights. */
export async function saveModel(model: Model, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeAtomic(join(folder, 'config.json'), `${JSON.stringify(configFile(model.architecture), null, 2)}\n`);
  return writeSafetensors(join(folder, 'model.safetensors'), { tensors: await storedWeights(model.weights), metadata });
}

/**
 * Reads what `saveModel` wrote.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 */
export async function loadModel(folder: string): Promise<Model> {
  const configPath = join(folder, 'config.json');
  const architecture = architectureOf(await readJson(configPath), configPath);
  const path = join(folder, 'model.safetensors');
  const { tensors } = await readSafetensors(path);
  return { architecture, weights: weightsFromStored(architecture, tensors, path) };
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
  const { config, numParameters, flopsPerToken } = architecture;
  return {
    title: 'Decoder',
    facts: {
      parameters: numParameters,
      'forward FLOPs per token': flopsPerToken,
      layers: config.layers,
      'width (features)': config.width,
      heads: config.heads,
      'context (tokens)': config.context,
      'vocabulary (tokens)': config.vocabularySize,
      parts: `${config.norm} norm, ${config.positions} positions, ${config.mlp}`,
    },
  };
}
