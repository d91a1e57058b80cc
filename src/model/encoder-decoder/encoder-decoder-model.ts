import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { flatten } from '../../engine/tree.js';
import type { Summary } from '../../figure.js';
import { readJson, writeAtomic } from '../../files.js';
import type { Codec } from '../../files.js';
import type { EncoderDecoder } from './encoder-decoder.js';
import { describedEncoderDecoder, encoderDecoderFile } from './encoder-decoder-file.js';
import type { EncoderDecoderWeights } from './encoder-decoder-specs.js';
import { openWeights } from '../files/open-weights.js';
import { writeSafetensors } from '../files/safetensors.js';
import { writableWeights } from '../names.js';
import { parameterFigure } from '../parameter-figure.js';
import { readTree } from '../read-tree.js';

/** An encoder–decoder and weights for it. Neither ever changes: training makes another model. */
export interface EncoderDecoderModel {
  readonly architecture: EncoderDecoder;
  readonly weights: EncoderDecoderWeights;
}

/** transformers refuses a file without it. */
const metadata = { format: 'pt' };

/**
 * Writes `model.safetensors` and `config.json` into a folder; gives the hash of the weights. transformers reads the folder of a T5.
 *
 * @example
 * await saveEncoderDecoder(model, 'my-t5');
 */
export async function saveEncoderDecoder(model: EncoderDecoderModel, folder: string): Promise<string> {
  const { json, names } = encoderDecoderFile(model.architecture);
  await mkdir(folder, { recursive: true });
  await writeAtomic(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  return writeSafetensors(join(folder, 'model.safetensors'), {
    tensors: writableWeights(model.weights, names),
    metadata,
  });
}

/**
 * Reads the encoder–decoder of a folder: one that `saveEncoderDecoder` wrote, or Hugging Face's T5, its weights in safetensors or
 * PyTorch's files, in one or in shards.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 * @example
 * const { architecture, weights } = await loadEncoderDecoder('models/t5-small');
 * const logits = architecture.forward(weights, { source, target }, { sourceDocuments: mask });
 */
export async function loadEncoderDecoder(folder: string): Promise<EncoderDecoderModel> {
  const configPath = join(folder, 'config.json');
  const json = await readJson(configPath);
  const file = await openWeights(folder);
  try {
    const { architecture, naming } = describedEncoderDecoder(json, file, configPath);
    const weights = await readTree(architecture.specs, naming, file, folder);
    return { architecture, weights: weights as unknown as EncoderDecoderWeights };
  } finally {
    await file.close();
  }
}

/** How a run keeps an encoder–decoder: `config.json` and `model.safetensors`. */
export const encoderDecoderCodec: Codec<EncoderDecoderModel> = {
  kind: 'encoder-decoder',
  is: (value): value is EncoderDecoderModel =>
    typeof value === 'object' &&
    value !== null &&
    'weights' in value &&
    (value as Partial<EncoderDecoderModel>).architecture?.kind === 'encoderDecoder',
  write: async (model, folder) => {
    await saveEncoderDecoder(model, folder);
  },
  read: loadEncoderDecoder,
  dispose: ({ weights }) => {
    for (const tensor of flatten(weights)) tensor.dispose();
  },
  summarise: summariseEncoderDecoder,
};

/** Of the lengths that T5 was trained with. */
const lengths = { source: 512, target: 114 };

/** What a report shows of an encoder–decoder. */
export function summariseEncoderDecoder({ architecture }: EncoderDecoderModel): Summary {
  const { config, numParameters } = architecture;
  return {
    title: 'Encoder–decoder',
    facts: {
      parameters: numParameters,
      [`forward FLOPs (${lengths.source} tokens read, ${lengths.target} written)`]:
        architecture.cost(lengths).forwardFlops,
      'layers of the encoder': config.layers,
      'layers of the decoder': config.decoderLayers,
      'width (features)': config.width,
      heads: config.heads,
      'vocabulary (tokens)': config.vocabularySize,
      parts: `rms norm, relative positions in ${config.buckets} buckets, ${config.mlp}`,
    },
    figures: [parameterFigure(architecture)],
  };
}
