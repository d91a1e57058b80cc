import { startDecoding } from './decoding.js';
import type { Decoding } from './decoding.js';
import type { Model } from './model.js';
import { startRetentionDecoding } from './retention/retention-decoding.js';
import { isRetNet } from './retention/retnet-model.js';
import type { RetNetModel } from './retention/retnet-model.js';

/** A model that writes a text token after token. */
export type Writer = Model | RetNetModel;

/** Makes it ready to write. */
export function startWriting(model: Writer, options: Pick<Decoding, 'batch' | 'length'>): Decoding {
  return isRetNet(model) ? startRetentionDecoding(model, options) : startDecoding(model, options);
}
