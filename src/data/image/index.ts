export { imageAt, takeImages, type Images, type LabelledImages, type PixelImage } from './images.js';
export {
  loadImages,
  readImageFolder,
  type ImageDecoders,
  type LoadImagesOptions,
  type SplitImages,
} from './load-images.js';
export { readIdx, type Idx } from './idx.js';
export { decodePng, encodePng, type DecodedImage } from './png.js';
export { resizeImages } from './resample.js';
export { channelNormalisation, normalisationSchema, type Normalisation } from './normalisation.js';
export { augmentImage, type ImageAugmenter } from './augmentation/image-augmenter.js';
export { randomCrop } from './augmentation/random-crop.js';
export { horizontalFlip } from './augmentation/horizontal-flip.js';
export { colourJitter, type ColourJitterOptions } from './augmentation/colour-jitter.js';
export { randomErasing, type RandomErasingOptions } from './augmentation/random-erasing.js';
export { cutmixBox, pasteBox } from './augmentation/cutmix.js';
export type { Box } from './augmentation/cutmix.js';
export { mixupShare } from './augmentation/mixup.js';
export { heatOverlay, imageFigure, type ImageFigureOptions } from './image-figure.js';
