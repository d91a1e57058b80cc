import * as tf from '@tensorflow/tfjs';
import { treeEntries } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { columnStretch, lora, partOfPair } from './lora.js';
import type { LoraAdapter, LoraPair, LoraWeights } from './lora.js';
import { pathsOfKey } from './lora-targets.js';
import type { Model } from './model.js';
import { mapWeights } from './weights.js';

/**
 * The model with an adapter beside its weights, for generation and evaluation: nothing is added up, so several models can share one
 * base and switch between adapters. It cannot be saved; merge it for that.
 *
 * @throws TrainbookError if the adapter does not fit the model.
 * @example
 * const formal = attachLora(base, formalAdapter);
 * const casual = attachLora(base, casualAdapter); // the same tensors, another adapter
 */
export function attachLora({ architecture, weights }: Model, { method, weights: adapter }: LoraAdapter): Model {
  return { architecture, weights: method.apply(weights, adapter) };
}

/** A model with an adapter added in, which knows what it was before. */
export interface MergedModel extends Model {
  readonly base: Model;
}

/**
 * W + s A B, or with `dora` its columns at the lengths learned, in place of each W that the adapter changes: a plain model, as fast as
 * its base, that can be saved. All tensors are the merged model's own, or share memory with the base's, so either can be disposed of.
 *
 * @throws TrainbookError if the adapter does not fit the model.
 * @example
 * await saveModel(mergeLora(model, { kind: 'lora', method, weights }), 'merged');
 */
export function mergeLora(model: Model, { method, weights: adapter }: LoraAdapter): MergedModel {
  method.apply(model.weights, adapter); // checks that they fit
  const parts = new Map<string, { readonly pair: LoraPair; readonly start: number }>();
  const shapes = new Map(treeEntries<tf.Tensor>(model.weights).map(([path, { shape }]) => [path, shape]));
  for (const [key, pair] of Object.entries(adapter)) {
    let start = 0;
    for (const path of pathsOfKey(key)) {
      parts.set(`${path}.weight`, { pair, start });
      start += shapes.get(`${path}.weight`)?.[1] ?? 0;
    }
  }
  const weights = mapWeights(model.weights, (weight, path) => {
    const part = parts.get(path);
    return part === undefined ? tf.clone(weight) : merged(weight, part, method.scale);
  });
  return { architecture: model.architecture, weights, base: model };
}

function merged(
  weight: tf.Tensor,
  { pair, start }: { readonly pair: LoraPair; readonly start: number },
  scale: number,
): tf.Tensor {
  return tf.tidy(() => {
    const { a, b, magnitude } = partOfPair(pair, { start, size: weight.shape[1] ?? 0 });
    const sum = tf.add(weight, tf.mul(tf.matMul(a, b), scale));
    return magnitude === undefined ? sum : tf.mul(sum, columnStretch(weight, { a, b, magnitude }, scale));
  });
}

/**
 * The model as it was before the adapter, to the bit: the base itself. Taking s A B off again would leave rounding errors,
 * since (W + U) − U is not W in floating-point numbers.
 *
 * @example
 * unmergeLora(mergeLora(model, adapter)) === model; // true
 */
export function unmergeLora({ base }: MergedModel): Model {
  return base;
}

/** An adapter and how much of it. */
export interface WeightedLora {
  readonly adapter: LoraAdapter;
  readonly weight: number;
}

/**
 * Σᵢ wᵢ sᵢ Aᵢ Bᵢ as one adapter, exactly: the A's, times wᵢ sᵢ, and the B's one after another, at a rank that is the sum of the
 * ranks, without dropout. This is PEFT's combination `cat`. (Its `linear` is another thing: it adds A to A and B to B, so that the product has mixed
 * terms Aᵢ Bⱼ, and is no sum of the updates.)
 *
 * @throws TrainbookError if there are no adapters, one changes layers that another does not (their ranks would differ), or one is of DoRA.
 * @example
 * const both = sumLora([{ adapter: formal, weight: 0.7 }, { adapter: medical, weight: 0.3 }]);
 */
export function sumLora(parts: readonly WeightedLora[]): LoraAdapter {
  const [first] = parts;
  if (first === undefined)
    throw new TrainbookError({
      what: 'sumLora: there is nothing to add',
      received: 0,
      expected: 'one adapter or more',
    });
  if (parts.some(({ adapter }) => adapter.method.config.dora))
    throw new TrainbookError({
      what: 'sumLora: adapters of DoRA cannot be added: each sets the lengths of the columns',
      received: 'an adapter with dora',
      expected: 'adapters without',
      fix: 'merge one of them, with mergeLora, and train the other on the result',
    });
  const keys = Object.keys(first.adapter.weights);
  for (const { adapter } of parts) {
    const own = Object.keys(adapter.weights);
    const odd = [...keys.filter((key) => !own.includes(key)), ...own.filter((key) => !keys.includes(key))];
    if (odd.length > 0)
      throw new TrainbookError({
        what: 'sumLora: the adapters change different layers',
        received: `${odd.join(', ')} in some only`,
        expected: 'adapters with the same targets',
      });
  }
  const rank = parts.reduce((sum, { adapter }) => sum + adapter.method.config.rank, 0);
  const { targets } = first.adapter.method.config;
  const pairs = parts.map(({ adapter, weight }) => ({
    weights: adapter.weights,
    factor: weight * adapter.method.scale,
  }));
  const weights = Object.fromEntries(
    keys.map((key) => {
      const a = tf.tidy(() =>
        tf.concat(
          pairs.map((part) => tf.mul(pairOf(part.weights, key).a, part.factor)),
          1,
        ),
      );
      return [
        key,
        {
          a,
          b: tf.concat(
            pairs.map((part) => pairOf(part.weights, key).b),
            0,
          ),
        },
      ];
    }),
  );
  return { kind: 'lora', method: lora({ rank, alpha: rank, targets }), weights };
}

function pairOf(weights: LoraWeights, key: string): LoraPair {
  return weights[key] as LoraPair;
}
