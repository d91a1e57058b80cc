import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { flatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { Summary } from '../figure.js';
import { readJson, writeAtomic } from '../files.js';
import type { Codec } from '../files.js';
import type { Encoder } from './encoder.js';
import { describedEncoder, encoderFile, headedSpecs } from './encoder-file.js';
import type { EncoderWeights } from './encoder-specs.js';
import { openWeights } from './files/open-weights.js';
import { writeSafetensors } from './files/safetensors.js';
import type { Head } from './heads/head.js';
import type { Attached, EncoderHeads, HeadArchitectures } from './heads/encoder-heads.js';
import { writableWeights } from './names.js';
import { parameterFigure } from './parameter-figure.js';
import { readTree } from './read-tree.js';

/** An encoder, its weights, and its heads, each with weights of its own. None ever changes: training makes another model. */
export interface EncoderModel {
  readonly architecture: Encoder;
  readonly weights: EncoderWeights;
  readonly heads: EncoderHeads;
}

/** transformers refuses a file without it. */
const metadata = { format: 'pt' };

type AnyHead = Attached<Head<Tree<tf.Tensor>>>;

const headsOfModel = ({ heads }: EncoderModel): [name: string, head: AnyHead][] => Object.entries(heads);

/** All weights, as one tree. */
function allWeights(model: EncoderModel): Tree<tf.Tensor> {
  const ofHeads = headsOfModel(model).map(([name, { weights }]) => [name, weights] as const);
  return { trunk: model.weights, heads: Object.fromEntries(ofHeads) };
}

/** The model without weights. */
function headed(model: EncoderModel): { architecture: Encoder; heads: HeadArchitectures } {
  const ofHeads = headsOfModel(model).map(([name, { architecture }]) => [name, architecture] as const);
  return { architecture: model.architecture, heads: Object.fromEntries(ofHeads) };
}

/**
 * Writes `model.safetensors` and `config.json` into a folder; gives the hash of the weights. transformers reads the folder where it
 * knows the encoder with these heads.
 *
 * @throws TrainbookError if a head pools by a function that no file can keep.
 * @example
 * const head = sequenceClassification(architecture, { classes: ['bad', 'good'] });
 * await saveEncoder({ architecture, weights: trained.trunk, heads: { sequenceClassification: { architecture: head, weights: trained.head } } }, 'reviews');
 */
export async function saveEncoder(model: EncoderModel, folder: string): Promise<string> {
  const { json, names } = encoderFile(headed(model));
  await mkdir(folder, { recursive: true });
  await writeAtomic(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  const tensors = writableWeights(allWeights(model), names);
  return writeSafetensors(join(folder, 'model.safetensors'), { tensors, metadata });
}

/**
 * Reads the encoder of a folder: one that `saveEncoder` wrote, or Hugging Face's (BERT, RoBERTa), its weights in safetensors or
 * PyTorch's files, in one or in shards. It has the heads that the files have weights for.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 * @example
 * const { architecture, weights, heads } = await loadEncoder('models/all-MiniLM-L6-v2');
 * const states = architecture.forward(weights, tokens, { documents: mask });
 */
export async function loadEncoder(folder: string): Promise<EncoderModel> {
  const configPath = join(folder, 'config.json');
  const json = await readJson(configPath);
  const file = await openWeights(folder);
  try {
    const { architecture, heads, naming } = describedEncoder(json, file, configPath);
    const tree = await readTree(headedSpecs({ architecture, heads }), naming, file, folder);
    const read = tree as unknown as { trunk: EncoderWeights; heads: Record<string, Tree<tf.Tensor>> };
    const attached = Object.entries(heads).map(([name, head]: [string, unknown]) => {
      return [name, { architecture: head, weights: read.heads[name] }];
    });
    return { architecture, weights: read.trunk, heads: Object.fromEntries(attached) as EncoderHeads };
  } finally {
    await file.close();
  }
}

/** How a run keeps an encoder and its heads: `config.json` and `model.safetensors`. */
export const encoderCodec: Codec<EncoderModel> = {
  kind: 'encoder',
  is: (value): value is EncoderModel =>
    typeof value === 'object' &&
    value !== null &&
    'weights' in value &&
    'heads' in value &&
    (value as Partial<EncoderModel>).architecture?.kind === 'encoder',
  write: async (model, folder) => {
    await saveEncoder(model, folder);
  },
  read: loadEncoder,
  dispose: (model) => {
    for (const tensor of flatten(allWeights(model))) tensor.dispose();
  },
  summarise: summariseEncoder,
};

/** What a report shows of an encoder. */
export function summariseEncoder(model: EncoderModel): Summary {
  const { config, numParameters, flopsPerToken } = model.architecture;
  const heads = headsOfModel(model);
  return {
    title: 'Encoder',
    facts: {
      parameters: heads.reduce((sum, [, { architecture }]) => sum + architecture.numParameters, numParameters),
      'forward FLOPs per token': flopsPerToken,
      layers: config.layers,
      'width (features)': config.width,
      heads: config.heads,
      'context (tokens)': config.context,
      'vocabulary (tokens)': config.vocabularySize,
      'on top': heads.length === 0 ? 'nothing' : heads.map(([name]) => name).join(', '),
    },
    figures: [
      parameterFigure(model.architecture, Object.fromEntries(heads.map(([name, head]) => [name, head.architecture]))),
    ],
  };
}
