export type { AnyImageTrunk, EncodeOptions, ImageTrunk, TokenEncoder } from './token-encoder.js';
export { vit, vitSizes, type ViT, type ViTWeights } from './vit.js';
export {
  patchEncoderOptions,
  vitOptions,
  type PatchEncoderOptions,
  type ViTConfig,
  type ViTOptions,
} from './vit-options.js';
export { swin, swinSizes, type Swin, type SwinWeights } from './swin.js';
export { swinOptions, type SwinConfig, type SwinOptions } from './swin-options.js';
export type { Windows } from './windows.js';
export {
  frameEncoder,
  patchEncoder,
  type FrameEncoderOptions,
  type FrameEncoderWeights,
  type PatchEncoderWeights,
} from './frames.js';
export { imageClassifier, type ImageClassifier, type ImageClassifierWeights } from './image-classifier.js';
export type { PublishedTrunk } from './image-trunks.js';
export { loadImageModel, saveImageModel, type ImageModel } from './image-model.js';
export { interpolatePositions } from './interpolate-positions.js';
