import type { Decoder } from '../../model/decoder.js';
import { loadModel, writeModel } from '../../model/model.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { ModelFiles } from './checkpoint.js';

/** Checkpoints of a decoder are whole model folders: `loadModel` and Hugging Face read them. */
export function decoderFiles(architecture: Decoder): ModelFiles<DecoderWeights> {
  return {
    write: (weights, folder, options) => writeModel({ architecture, weights }, folder, options),
    read: async (folder) => (await loadModel(folder)).weights,
  };
}
