import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { flatten, treeEntries } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoder } from '../../src/model/decoder.js';
import { readWeights } from '../../src/model/model.js';
import { llamaNames } from '../../src/model/llama.js';
import { storedWeights } from '../../src/model/names.js';
import { namesOf } from '../../src/model/config-file.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import type { StoredTensor } from '../../src/model/files/safetensors.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { expectClose } from './close.js';

const sizes = { layers: 2, width: 16, heads: 4, vocabularySize: 29 };
const architectures: Record<string, Decoder> = {
  llama: decoder({ ...sizes, context: 16, hidden: 24 }),
  'llama-grouped': decoder({
    ...sizes,
    context: 16,
    hidden: 24,
    keyValueHeads: 2,
    rotaryBase: 500,
    tiedEmbeddings: false,
  }),
  gpt: decoder({ ...sizes, context: 10, norm: 'layer', positions: 'learned', mlp: 'gelu' }),
};

/** Weights, inputs and expected outputs, made by fixtures/decoders.py with PyTorch and Hugging Face transformers. */
async function reference(name: string) {
  const { tensors } = await readSafetensors(new URL(`fixtures/${name}.safetensors`, import.meta.url).pathname);
  const named = (pattern: RegExp): Map<string, StoredTensor> =>
    new Map(
      [...tensors].flatMap(([path, tensor]) => (pattern.test(path) ? [[path.replace(/^grad\./, ''), tensor]] : [])),
    );
  const numbers = (path: string): Float32Array => tensors.get(path)?.elements as Float32Array;
  const integers = (path: string): tf.Tensor2D =>
    tf.tensor2d(tensors.get(path)?.elements as Int32Array, [2, 10], 'int32');
  return {
    weights: named(/^(model|lm_head)\./),
    gradients: named(/^grad\./),
    tokens: integers('tokens'),
    targets: { targets: integers('targets'), weights: tf.tensor2d(numbers('counted'), [2, 10]) },
    logits: numbers('logits'),
    loss: numbers('loss')[0] ?? NaN,
  };
}

const weightsFromStored = (
  architecture: Decoder,
  stored: ReadonlyMap<string, StoredTensor>,
  source: string,
): Promise<DecoderWeights> => {
  const entries = [...stored].map(
    ([name, tensor]) =>
      [name, { ...tensor, dtype: 'F32', storedAs: 'F32', read: () => Promise.resolve(tensor) }] as const,
  );
  const described = { architecture, names: namesOf(architecture), prefix: '' };
  return readWeights(described, { tensors: new Map(entries) }, source);
};

describe.each(Object.keys(architectures))('%s with the weights of a PyTorch model', (name) => {
  const architecture = architectures[name] as Decoder;

  it.each(['eager', 'compiled'])('%s: logits, loss and gradients are equal', async (how) => {
    const expected = await reference(name);
    const weights = await weightsFromStored(architecture, expected.weights, name);
    const run = (values: DecoderWeights, tokens: tf.Tensor) => ({
      logits: architecture.forward(values, tokens),
      ...valueAndGrads<DecoderWeights>((w) => crossEntropy(architecture.forward(w, tokens), expected.targets))(values),
    });
    const { logits, value, grads } =
      how === 'eager' ? run(weights, expected.tokens) : await compile(run)(weights, expected.tokens);
    expectClose(logits.dataSync(), expected.logits, 1e-5);
    expect(value.dataSync()[0]).toBeCloseTo(expected.loss, 5);
    const gradients = await storedWeights(grads, llamaNames);
    expect([...gradients.keys()].sort()).toEqual([...expected.gradients.keys()].sort());
    for (const [path, { elements }] of expected.gradients) {
      expectClose(gradients.get(path)?.elements as Float32Array, elements as Float32Array, 1e-5);
    }
  });

  it('a later token changes nothing before it', async () => {
    const { weights: stored, tokens } = await reference(name);
    const weights = await weightsFromStored(architecture, stored, name);
    const changed = tf.concat([tf.slice(tokens, [0, 0], [2, 6]), tf.fill([2, 4], 3, 'int32')], 1);
    const before = (all: tf.Tensor): ArrayLike<number> =>
      tf.slice(all as tf.Tensor3D, [0, 0, 0], [2, 6, 29]).dataSync();
    expectClose(before(architecture.forward(weights, changed)), before(architecture.forward(weights, tokens)), 1e-6);
  });

  it('with a cache, token by token, the logits are those of the whole sequence', async () => {
    const { weights: stored, tokens, logits } = await reference(name);
    const weights = await weightsFromStored(architecture, stored, name);
    const { startDecoding } = await import('../../src/model/decoding.js');
    const decoding = startDecoding({ architecture, weights }, { batch: 2, length: 10 });
    const columns = (await tokens.array()) as [number[], number[]];
    for (let round = 0; round < 2; round++) {
      for (let position = 0; position < 10; position++) {
        const column = columns.map((row) => row[position] ?? 0);
        const next =
          position === 0
            ? await decoding.start(column.map((token) => [token]))
            : await decoding.next(Int32Array.from(column));
        const expected = [0, 1].flatMap((row) => [
          ...logits.subarray((row * 10 + position) * 29, (row * 10 + position + 1) * 29),
        ]);
        expectClose(next, expected, 1e-5);
      }
    }
    decoding.dispose();
  });

  it('the parameter count is that of the tree, and the specs have its shapes', () => {
    const weights = architecture.init(key(1));
    expect(flatten<tf.Tensor>(weights).reduce((sum, { size }) => sum + size, 0)).toBe(architecture.numParameters);
    const shapes = treeEntries<tf.Tensor>(weights).map(([path, { shape }]) => [path, shape]);
    expect(shapes).toEqual(
      treeEntries(architecture.specs as never).map(([path, spec]) => [path, (spec as { shape: number[] }).shape]),
    );
  });
});

describe('decoder', () => {
  it('counts a Llama of 4 × 256 by hand', () => {
    const { config, numParameters, flopsPerToken } = decoder({
      layers: 4,
      width: 256,
      heads: 4,
      context: 256,
      vocabularySize: 4096,
    });
    expect(config.hidden).toBe(704); // 8/3 · 256 = 682.7, up to a multiple of 32
    const block = 4 * 256 * 256 + 3 * 256 * 704;
    expect(numParameters).toBe(4096 * 256 + 4 * (block + 2 * 256) + 256);
    expect(flopsPerToken).toBe(2 * (4 * block + 4096 * 256) + 4 * 4 * 256 * 256);
  });

  it('counts the matrix products that a trace has', () => {
    const architecture = architectures['llama'] as Decoder;
    const tokens = tf.zeros([1, 16], 'int32');
    const { trace } = compile((weights: DecoderWeights) => architecture.forward(weights, tokens)).trace(
      architecture.init(key(1)),
    );
    const flops = trace.nodes.reduce((sum, { op, inputs, outputs, attributes }) => {
      if (!/MatMul/.test(op)) return sum;
      const left = trace.values[inputs[0] ?? -1]?.shape ?? [];
      const turned = Object.entries(attributes).some(
        ([name, value]) => /^(transpose_a|adj_x)$/.test(name) && 'bool' in value && value.bool,
      );
      const inner = left.at(turned ? -2 : -1) ?? 0;
      return (
        sum + 2 * inner * (trace.values[outputs[0] ?? -1]?.shape ?? []).reduce((product, size) => product * size, 1)
      );
    }, 0);
    expect(flops).toBe(16 * architecture.flopsPerToken);
  });

  it('the same key gives the same weights; another layer leaves the others as they were', () => {
    const deviationOf = (tensor: tf.Tensor): number => tf.moments(tensor).variance.sqrt().dataSync()[0] ?? NaN;
    const options = { width: 64, heads: 4, context: 8, vocabularySize: 50 };
    const two = decoder({ ...options, layers: 2 }).init(key(9));
    const three = decoder({ ...options, layers: 3 }).init(key(9));
    const query = (weights: DecoderWeights): number[] => [
      ...(weights.layers[1] as DecoderWeights['layers'][0]).attention.query.weight.dataSync(),
    ];
    expect(query(two)).toEqual(query(three));
    expect(deviationOf(two.embedding)).toBeCloseTo(0.02, 2.5);
    expect(deviationOf((two.layers[0] as DecoderWeights['layers'][0]).attention.output.weight)).toBeCloseTo(
      0.02 / 2,
      2.5,
    );
  });

  it.each([
    [{ heads: 3 }, /heads must divide width/],
    [{ heads: 16 }, /width \/ heads must be even/],
    [{ keyValueHeads: 3 }, /keyValueHeads must divide heads/],
    [{ layers: 0 }, /layers/],
    [{ widht: 3 }, /widht/],
  ])('refuses %j', (wrong, message) => {
    expect(() => decoder({ layers: 1, width: 16, heads: 4, context: 8, vocabularySize: 5, ...wrong })).toThrow(message);
  });
});
