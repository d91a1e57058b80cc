import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { encoderFile } from '../../src/model/encoder-file.js';
import type { EncoderModel } from '../../src/model/encoder-model.js';
import type { EncoderWeights } from '../../src/model/encoder-specs.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import type { HeadArchitectures } from '../../src/model/heads/encoder-heads.js';
import type { Linear } from '../../src/model/linear.js';
import { storedWeights } from '../../src/model/names.js';
import { expectClose } from './close.js';

/** What transformers says of a folder of fixtures/transformers_encoders.py. */
export interface Reference {
  /** A tensor of integers. */
  readonly tensor: (name: string) => tf.Tensor;
  readonly numbers: (name: string) => Float32Array;
  /** By the names of the weights in files. */
  readonly gradients: (kind: string) => ReadonlyMap<string, Float32Array>;
}

export const fixture = (folder: string): string => fileURLToPath(new URL(`fixtures/${folder}/`, import.meta.url));

export async function reference(folder: string): Promise<Reference> {
  const { tensors } = await readSafetensors(join(fixture(folder), 'expected.safetensors'));
  const found = (name: string) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`${folder} has no ${name}`);
    return tensor;
  };
  return {
    numbers: (name) => found(name).elements as Float32Array,
    tensor: (name) => {
      const { shape, elements } = found(name);
      return tf.tensor(Int32Array.from(elements as BigInt64Array, Number), [...shape], 'int32');
    },
    gradients: (kind) =>
      new Map(
        [...tensors].flatMap(([name, { elements }]) =>
          name.startsWith(`${kind}.`) ? [[name.slice(kind.length + 1), elements as Float32Array] as const] : [],
        ),
      ),
  };
}

/** Weights, or gradients, of a model and its heads. */
export type Trained = {
  readonly trunk: EncoderWeights;
  readonly heads: Readonly<Record<string, Readonly<Record<string, tf.Tensor | Linear>>>>;
};

/** What is trained of a model. */
export function trained({ weights, heads }: EncoderModel): Trained {
  const ofHeads = Object.entries(heads).map(([name, head]) => [name, head.weights] as const);
  return { trunk: weights, heads: Object.fromEntries(ofHeads) };
}

/** The gradients by their names in files, each to 1e-4 of transformers', and all that it has. */
export async function expectGradients(
  model: EncoderModel,
  grads: Trained,
  expected: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const heads = Object.entries(model.heads).map(([name, { architecture }]) => [name, architecture]);
  const { names } = encoderFile({
    architecture: model.architecture,
    heads: Object.fromEntries(heads) as HeadArchitectures,
  });
  const stored = await storedWeights(grads, names);
  expect([...stored.keys()]).toEqual(expect.arrayContaining([...expected.keys()]));
  for (const [name, numbers] of expected) expectClose(stored.get(name)?.elements as Float32Array, numbers, 1e-4);
}

/** The rows of real tokens, one after another. */
export async function realRows(states: tf.Tensor, mask: tf.Tensor): Promise<Float32Array> {
  const width = states.shape.at(-1) ?? 0;
  const places = [...(await mask.data())].flatMap((real, place) => (real === 1 ? [place] : []));
  const rows = tf.gather(tf.reshape(states, [-1, width]), tf.tensor1d(places, 'int32'));
  return (await rows.data()) as Float32Array;
}

/** The same of numbers that a file holds. */
export function realNumbers(numbers: Float32Array, mask: tf.Tensor): Promise<Float32Array> {
  return realRows(tf.tensor(numbers, [mask.size, numbers.length / mask.size]), mask);
}
