import { fold } from '../../engine/key.js';
import type { LabelledImages } from '../../data/image/images.js';
import type { NotOfTest } from '../../data/table/part.js';
import type { Json } from '../../files.js';
import type { ImageClassifier } from '../../model/vision/image-classifier.js';
import type { ImageModel } from '../../model/vision/image-model.js';
import type { PublishedTrunk } from '../../model/vision/image-trunks.js';
import { imageBatches, imageLoader } from '../../tokens/image-loader.js';
import type { ImageBatch, ImageLoaderOptions } from '../../tokens/image-loader.js';
import { imageClassification } from '../objectives/image-classification.js';
import { train } from '../train.js';
import { recipe } from './recipe.js';
import type { RecipeOptions } from './recipe.js';

/** What the training of an image classifier needs beside the architecture. */
export interface TrainImagesOptions extends RecipeOptions, ImageLoaderOptions {
  readonly data: LabelledImages & NotOfTest;
  /** The share of the target that is spread evenly over all classes. Default: 0. */
  readonly labelSmoothing?: number;
  /** Images that are not trained on; loss and accuracy on them are measured every `evaluateEvery` steps. */
  readonly heldOut?: LabelledImages & NotOfTest;
}

/**
 * Trains an image classifier from first weights, or from those given: `train` with `imageClassification`, AdamW, and each image changed anew each
 * time that it is seen.
 *
 * A row of metrics has the loss and the accuracy on the images as they were changed and mixed; where these are hard, both say more of the
 * augmentation than of the model.
 *
 * @throws TrainbookError if an option is out of range, the images are not of the size or the classes of the architecture, or as `train` does.
 * @example
 * const architecture = imageClassifier(swin({ … }), { classes: train.classes });
 * const model = await trainImageClassifier(architecture, {
 *   data: train, normalisation, augment: [randomCrop({ padding: 2 }), horizontalFlip()], mixup: 0.2,
 *   epochs: 100, batchSize: 64, learningRate: 2e-3, warmupSteps: 200, weightDecay: 0.05, key: key(42),
 * });
 */
export async function trainImageClassifier<Trunk extends PublishedTrunk>(
  architecture: ImageClassifier<Trunk>,
  options: TrainImagesOptions & { readonly weights?: ImageModel<Trunk>['weights'] },
): Promise<ImageModel<Trunk>> {
  const { data, heldOut, labelSmoothing = 0, normalisation, augment = [], mixup, cutmix } = options;
  const { numbers, ...parts } = recipe('trainImageClassifier', options);
  const { trunk, classes } = architecture;
  const identity = {
    trunk: { kind: trunk.kind, config: trunk.config },
    classes,
    numbers,
    labelSmoothing,
    normalisation,
    mixup: mixup ?? null,
    ...(cutmix !== undefined && { cutmix }), // so what was begun before there was CutMix goes on
    augment: augment.map(({ name, options: own }) => ({ name, options: own })),
  } as unknown as Json;
  return train<ImageClassifier<Trunk>, ImageModel<Trunk>['weights'], ImageBatch, ImageModel<Trunk>>(
    { architecture, weights: options.weights ?? architecture.init(fold(parts.key, 'weights')) },
    {
      ...parts,
      objective: imageClassification({ labelSmoothing }),
      data: (loaderOptions) => imageLoader(data, options, loaderOptions),
      identity,
      ...(heldOut && { heldOut: () => imageBatches(heldOut, normalisation, parts.plan.batchSize) }),
    },
  );
}
