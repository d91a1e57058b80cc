import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { flatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Summary } from '../../figure.js';
import { readJson, writeAtomic } from '../../files.js';
import type { Codec, Json } from '../../files.js';
import type { HuggingFaceConfig } from '../family.js';
import { openWeights } from '../files/open-weights.js';
import { writeSafetensors } from '../files/safetensors.js';
import { linearNames, writableWeights } from '../names.js';
import type { NameRule } from '../names.js';
import { parameterFigure } from '../parameter-figure.js';
import { readTree } from '../read-tree.js';
import { imageClassifier } from './image-classifier.js';
import type { ImageClassifier, ImageClassifierWeights, TrunkWeights } from './image-classifier.js';
import { classesOfConfig } from './image-family.js';
import type { ImageFamily } from './image-family.js';
import { imageTrunk, imageTrunkSchema } from './image-trunks.js';
import type { PublishedTrunk } from './image-trunks.js';
import { swinFamily } from './swin-family.js';
import { vitFamily } from './vit-family.js';

/*
 * A folder with model.safetensors and config.json, in which Hugging Face's keys stand beside the whole config:
 *
 * {"trainbook":{"format":1,"kind":"imageClassifier","classes":["cat","dog"],"trunk":{"kind":"vit","config":{"image":[28,28],…}}},
 *  "model_type":"vit","hidden_size":96,"id2label":{"0":"cat","1":"dog"},…}
 */

/** A classifier of images, and weights for it. It never changes: training makes another model. */
export interface ImageModel<Trunk extends PublishedTrunk = PublishedTrunk> {
  readonly architecture: ImageClassifier<Trunk>;
  readonly weights: ImageClassifierWeights<TrunkWeights<Trunk>>;
}

/** The families whose files are understood. */
const families = [vitFamily, swinFamily] as const;

/** A family, for a trunk of it. */
function familyOf(kind: PublishedTrunk['kind']): ImageFamily {
  return families.find((family) => family.kind === kind) as unknown as ImageFamily;
}

const ownSchema = z.looseObject({
  trainbook: z.object({
    format: z.literal(1),
    kind: z.literal('imageClassifier'),
    classes: z.array(z.string()),
    trunk: imageTrunkSchema,
  }),
});
const typeSchema = z.looseObject({ model_type: z.string() });

/** How the weights of a classifier are named in files. */
export function imageModelNames({ trunk }: ImageClassifier<PublishedTrunk>): readonly NameRule[] {
  return [...familyOf(trunk.kind).names(trunk), ...linearNames('head', 'classifier')];
}

/**
 * Writes `model.safetensors` and `config.json` into a folder; gives the hash of the weights. transformers reads the folder as
 * ViTForImageClassification or SwinForImageClassification.
 *
 * @example
 * await saveImageModel(model, 'my-model');
 */
export async function saveImageModel<Trunk extends PublishedTrunk>(
  { architecture, weights }: ImageModel<Trunk>,
  folder: string,
): Promise<string> {
  const { trunk, classes } = architecture as unknown as ImageClassifier<PublishedTrunk>;
  const { architecture: name, config } = familyOf(trunk.kind);
  const theirs = config(trunk);
  const own = { format: 1, kind: 'imageClassifier', classes, trunk: { kind: trunk.kind, config: trunk.config } };
  const json = {
    ...(theirs && {
      architectures: [name],
      model_type: trunk.kind,
      id2label: Object.fromEntries(classes.map((label, place) => [String(place), label])),
      label2id: Object.fromEntries(classes.map((label, place) => [label, place])),
      ...theirs,
    }),
    trainbook: own as unknown as Json,
  };
  await mkdir(folder, { recursive: true });
  await writeAtomic(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  const names = imageModelNames(architecture);
  const tensors = writableWeights(weights, names);
  return writeSafetensors(join(folder, 'model.safetensors'), { tensors, metadata: { format: 'pt' } });
}

/**
 * Reads the classifier of a folder: one that `saveImageModel` wrote, or Hugging Face's ViTForImageClassification or
 * SwinForImageClassification.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 * @example
 * const { architecture, weights } = await loadImageModel('models/vit-base-patch16-224');
 * const logits = architecture.forward(weights, images); // [batch, classes]
 */
export async function loadImageModel(folder: string): Promise<ImageModel> {
  const path = join(folder, 'config.json');
  const architecture = describedClassifier(await readJson(path), path);
  const file = await openWeights(folder);
  try {
    const naming = {
      names: imageModelNames(architecture),
      prefix: '',
      isDerived: (name: string) => name.endsWith('relative_position_index'),
    };
    const tree = await readTree(architecture.specs, naming, file, folder);
    return { architecture, weights: tree as unknown as ImageModel['weights'] };
  } finally {
    await file.close();
  }
}

function describedClassifier(json: unknown, path: string): ImageClassifier<PublishedTrunk> {
  const own = ownSchema.safeParse(json);
  if (own.success) {
    const { trunk, classes } = own.data.trainbook;
    return imageClassifier<PublishedTrunk>(imageTrunk(trunk), { classes });
  }
  const typed = typeSchema.safeParse(json);
  const family = families.find(({ kind }) => typed.success && kind === typed.data.model_type);
  const isOwn = typeof json === 'object' && json !== null && 'trainbook' in json;
  if (family === undefined || isOwn) {
    throw new TrainbookError({
      what: isOwn
        ? `${path} does not describe a classifier of images: ${z.prettifyError(own.error)}`
        : `${path} describes no model of images that is known here`,
      received: typed.success ? `model_type ${JSON.stringify(typed.data.model_type)}` : 'no model_type',
      expected: `what saveImageModel writes, or model_type ${families.map(({ kind }) => kind).join(', ')}`,
      fix: 'decoders are read by loadModel, encoders of text by loadEncoder',
    });
  }
  const config = json as HuggingFaceConfig;
  return imageClassifier<PublishedTrunk>(family.trunk(config, path), { classes: classesOfConfig(config, path) });
}

/** How a run keeps a classifier of images: `config.json` and `model.safetensors`. */
export const imageModelCodec: Codec<ImageModel> = {
  kind: 'imageClassifier',
  is: (value): value is ImageModel =>
    typeof value === 'object' &&
    value !== null &&
    'weights' in value &&
    (value as Partial<ImageModel>).architecture?.kind === 'imageClassifier',
  write: async (model, folder) => {
    await saveImageModel(model, folder);
  },
  read: loadImageModel,
  dispose: ({ weights }) => {
    for (const tensor of flatten(weights as unknown as Tree<tf.Tensor>)) tensor.dispose();
  },
  summarise: summariseImageModel,
};

/** What a report shows of a classifier of images. */
export function summariseImageModel({ architecture }: ImageModel): Summary {
  const { trunk, classes, numParameters, flopsPerImage } = architecture;
  const { image, channels, patch } = trunk.config;
  return {
    title: trunk.kind === 'vit' ? 'Vision Transformer' : 'Swin Transformer',
    facts: {
      parameters: numParameters,
      'forward FLOPs per image': flopsPerImage,
      'image (pixels)': `${image.join(' × ')}, ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
      'patch (pixels)': patch,
      blocks: trunk.kind === 'vit' ? trunk.config.layers : trunk.config.depths.join(' + '),
      'width (features)': trunk.kind === 'vit' ? trunk.width : trunk.stages.map(({ width }) => width).join(', '),
      tokens: trunk.numTokens,
      classes: classes.length,
    },
    figures: [parameterFigure(architecture)],
  };
}
