/** Encoder–decoders: T5, from its options to its files and the texts that it writes. */
export {
  encoderDecoder,
  type EncoderDecoder,
  type EncoderDecoderForwardOptions,
  type SourceAndTarget,
} from './encoder-decoder.js';
export {
  encoderDecoderOptions,
  type EncoderDecoderConfig,
  type EncoderDecoderOptions,
} from './encoder-decoder-options.js';
export type { EncoderDecoderWeights } from './encoder-decoder-specs.js';
export type { EncoderDecoderCost, SequenceLengths } from './encoder-decoder-cost.js';
export { t5, t5Sizes, t5V11, t5V11Sizes } from './t5.js';
export { loadEncoderDecoder, saveEncoderDecoder, type EncoderDecoderModel } from './encoder-decoder-model.js';
export { relativeBias, relativeBucket, type RelativeBuckets } from './relative-positions.js';
export { generateTargets, type TargetSample } from './generate-targets.js';
export { startTargetDecoding } from './target-decoding.js';
