import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { loadModel } from '../../src/model/model.js';
import type { Model } from '../../src/model/model.js';
import { loadAdapter } from '../../src/model/peft-folder.js';
import type { Adapter } from '../../src/model/peft-folder.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));

/** A folder of adapters below `fixtures/peft`. */
export const peftFolder = (name: string): string => join(fixtures, 'peft', name);

/** A tiny model of `fixtures`. */
export const baseModel = (name: string): Promise<Model> => loadModel(join(fixtures, name));

/** The numbers that PEFT gives for an adapter, by fixtures/peft_adapters.py. */
export interface PeftReference {
  readonly tokens: tf.Tensor;
  readonly names: readonly string[];
  readonly numbers: (name: string) => Float32Array;
}

export async function peftReference(name: string): Promise<PeftReference> {
  const { tensors } = await readSafetensors(join(peftFolder(name), 'expected.safetensors'));
  const ids = tensors.get('input_ids');
  if (ids === undefined) throw new Error(`${name} has no input_ids`);
  return {
    tokens: tf.tensor(Int32Array.from(ids.elements as BigInt64Array, Number), [...ids.shape], 'int32'),
    names: [...tensors.keys()],
    numbers: (tensor) => {
      const found = tensors.get(tensor);
      if (found === undefined) throw new Error(`${name} has no ${tensor}`);
      return found.elements as Float32Array;
    },
  };
}

/** An adapter of one kind. */
export async function adapterOf<Kind extends Adapter['kind']>(
  folder: string,
  model: Model,
  kind: Kind,
): Promise<Extract<Adapter, { readonly kind: Kind }>> {
  const adapter = await loadAdapter(folder, model.architecture);
  if (adapter.kind !== kind) throw new Error(`${folder} is a ${adapter.kind}`);
  return adapter as Extract<Adapter, { readonly kind: Kind }>;
}

/**
 * Mean loss of the tokens that come after others: logits [batch, before + time, vocabulary] of rows of `time` tokens, whose first is
 * predicted too if something stands before it.
 */
export function nextTokenLoss(logits: tf.Tensor, tokens: tf.Tensor): tf.Scalar {
  const [batch, time] = tokens.shape as [number, number];
  const length = logits.shape[1] ?? 0;
  const numPredicted = Math.min(time, length - 1);
  const [, , vocabularySize = 0] = logits.shape;
  const predicting = tf.slice(logits, [0, length - 1 - numPredicted, 0], [batch, numPredicted, vocabularySize]);
  const targets = tf.slice(tokens, [0, time - numPredicted], [batch, numPredicted]);
  return crossEntropy(predicting, { targets, weights: tf.ones([batch, numPredicted]) });
}
