/** Several modalities: a decoder that reads images, clips and recordings before text. */
export {
  multimodal,
  type AnyTokenEncoder,
  type Multimodal,
  type MultimodalWeights,
  type TextReader,
} from './multimodal.js';
export { writeAfter, type MultimodalModel, type WriteAfterOptions } from './write-after.js';
