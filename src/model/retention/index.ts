/** Retentive networks, from their options to their files and the texts that they write. */
export { retnet, type RetNet, type RetNetCost, type RetNetForwardOptions, type RetNetWeights } from './retnet.js';
export { retnetOptions, type RetNetConfig, type RetNetOptions } from './retnet-options.js';
export {
  chunkwiseRetention,
  headDecays,
  parallelRetention,
  recurrentRetention,
  type ChunkwiseOptions,
  type Retained,
  type RetentionInputs,
  type RetentionState,
} from './retention.js';
export { loadRetNet, saveRetNet, type RetNetModel } from './retnet-model.js';
export { startRetentionDecoding } from './retention-decoding.js';
