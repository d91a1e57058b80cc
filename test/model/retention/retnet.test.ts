import * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { compile } from '../../../src/engine/compile.js';
import { key } from '../../../src/engine/key.js';
import { flatten, mapTree, treeEntries } from '../../../src/engine/tree.js';
import { readJson } from '../../../src/files.js';
import { retnet } from '../../../src/model/retention/retnet.js';
import type { RetNetWeights } from '../../../src/model/retention/retnet.js';
import { startRetentionDecoding } from '../../../src/model/retention/retention-decoding.js';
import { loadRetNet, retnetCodec, saveRetNet } from '../../../src/model/retention/retnet-model.js';
import { sample } from '../../../src/model/sample.js';
import { stream } from '../../../src/model/stream.js';
import { characterTokenizer } from '../../../src/tokens/characters.js';
import { pack } from '../../../src/tokens/pack.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { inOrder, loader } from '../../../src/tokens/loader.js';
import { train } from '../../../src/train/train.js';
import { expectClose } from '../close.js';

interface Reference {
  readonly config: { layers: number; width: number; heads: number; context: number; vocabularySize: number };
  readonly paths: readonly string[];
  readonly tokens: number[][];
  readonly logits: number[][][];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

// retnet.py: RetNet from the paper's equations, in NumPy.
const truth = (await readJson(join(import.meta.dirname, 'fixtures', 'retnet.json'))) as Reference;
const architecture = retnet(truth.config);
/** The formula of retnet.py. */
const weights = mapTree(architecture.specs, ({ shape }, path) => {
  const number = truth.paths.indexOf(path);
  const size = shape.reduce((product, each) => product * each, 1);
  const numbers = Array.from({ length: size }, (_, index) => 0.4 * Math.sin(1.3 * index + number));
  return tf.tensor(shape.length === 1 ? numbers.map((each) => 1 + each) : numbers, [...shape]);
}) as unknown as RetNetWeights;
const tokens = tf.tensor2d(truth.tokens, undefined, 'int32');
/** The same with 8 small heads: `retnet.py 8`. */
const smallHeads = (await readJson(join(import.meta.dirname, 'fixtures', 'retnet-heads.json'))) as Reference;
/** With these, texts of 8 and 9 tokens are read chunk by chunk, which is less work than all pairs. */
const inChunks = retnet({ ...smallHeads.config, chunk: 2 });
const inPairs = retnet({ ...smallHeads.config, chunk: 64 });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'retnet-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('retnet', () => {
  it('has the weights of the paper, 12 width² a block, and drawn ones by key', () => {
    expect(
      treeEntries(architecture.specs)
        .map(([path]) => path)
        .sort(),
    ).toEqual([...truth.paths].sort());
    expect(architecture.numParameters).toBe(11 * 16 + 2 * (12 * 16 ** 2 + 2 * 16) + 16);
    const [one, same, other] = [1, 1, 2].map((seed) => architecture.init(key(seed)).embedding.dataSync());
    expect(one).toEqual(same);
    expect(one).not.toEqual(other);
  });

  it.each([
    ['parallel', architecture, truth],
    ['chunkwise', inChunks, smallHeads],
  ])('gives the logits and gradients of NumPy in the %s form, eager and compiled', async (_, form, expected) => {
    const given = tf.tensor2d(expected.tokens, undefined, 'int32');
    const logits = form.forward(weights, given);
    expectClose(logits.dataSync(), expected.logits.flat(2), 1e-4);
    const [batch, time] = given.shape;
    const inputs = tf.slice(given, [0, 0], [batch, time - 1]);
    const targets = tf.oneHot(tf.slice(given, [0, 1], [batch, time - 1]), truth.config.vocabularySize);
    const leaves = flatten<tf.Tensor>(weights);
    const places = new Map(treeEntries<tf.Tensor>(weights).map(([path], index) => [path, index]));
    const step = (...all: tf.Tensor[]): tf.Tensor[] => {
      const { value, grads } = tf.valueAndGrads((...own: tf.Tensor[]) => {
        let next = 0;
        const tree = mapTree(weights, () => own[next++] as tf.Tensor) as unknown as RetNetWeights;
        return tf.losses.softmaxCrossEntropy<tf.Tensor, tf.Scalar>(targets, form.forward(tree, inputs));
      })(all);
      return [value, ...grads];
    };
    for (const results of [step(...leaves), await compile(step)(...leaves)]) {
      const [loss, ...gradients] = results as [tf.Tensor, ...tf.Tensor[]];
      expect(loss.dataSync()[0]).toBeCloseTo(expected.loss, 5);
      for (const [path, entries] of Object.entries(expected.gradients)) {
        const gradient = gradients[places.get(path) as number]?.dataSync() ?? [];
        for (const [place, number] of Object.entries(entries)) {
          expect(Math.abs((gradient[Number(place)] ?? NaN) - number), `${path} ${place}`).toBeLessThan(1e-4);
        }
      }
    }
  });

  it('takes the form that is less work', () => {
    // By hand, FLOPs of a token's retention: all pairs 2 · 8 · n · (2 + 4), chunks 192 + 256 + 64 ⌈n / 2⌉.
    const [pairs, chunks] = [7, 8].map((n) => inPairs.cost(n).forwardFlops - inChunks.cost(n).forwardFlops);
    expect(pairs).toBe(2 * (672 - 672));
    expect(chunks).toBe(2 * (768 - 704));
  });

  it.each([
    ['parallel', architecture, architecture, truth, [3, 5, 1]],
    ['chunkwise', inChunks, inPairs, smallHeads, [3, 5, 1]],
  ])('reads packed documents as if each stood alone, in the %s form', (_, form, reader, { tokens: rows }, lengths) => {
    const row = rows[0] ?? [];
    const starts = lengths.map((_length, index) => lengths.slice(0, index).reduce((sum, length) => sum + length, 0));
    const numbers = lengths.flatMap((length, document) => Array<number>(length).fill(document));
    const places = lengths.flatMap((length) => Array.from({ length }, (_none, place) => place));
    const documents = tf.tensor2d([numbers], undefined, 'int32');
    const positions = tf.tensor2d([places], undefined, 'int32');
    const alone = starts.map((start, index) => {
      const part = row.slice(start, start + (lengths[index] ?? 0));
      return reader.forward(weights, tf.tensor2d([part], undefined, 'int32'));
    });
    const expected = tf.concat(alone, 1).dataSync();
    const packed = form.forward(weights, tf.tensor2d([row], undefined, 'int32'), { documents, positions });
    expectClose(packed.dataSync(), expected, 1e-4);
  });

  it('writes what it reads: a prompt by chunks, then token by token, of any length beside others', async () => {
    const decoding = startRetentionDecoding({ architecture: inChunks, weights }, { batch: 2, length: 64 });
    const rows = truth.tokens.map((row, index) => row.slice(index)); // 9 and 8 tokens
    const forward = rows.map((row) =>
      inPairs.forward(weights, tf.tensor2d([row], [1, row.length], 'int32')).dataSync(),
    );
    const logitsAt = (row: number, place: number): Float32Array =>
      forward[row]?.subarray(11 * place, 11 * place + 11) as Float32Array;
    for (let again = 0; again < 2; again++) {
      // the second time nothing is left of the first
      const prompts = [rows[0]?.slice(0, 6) ?? [], rows[1]?.slice(0, 5) ?? []];
      let logits = await decoding.start(prompts);
      for (let step = 0; step < 3; step++) {
        expectClose(logits.subarray(0, 11), logitsAt(0, 5 + step), 1e-4);
        expectClose(logits.subarray(11), logitsAt(1, 4 + step), 1e-4);
        logits = await decoding.next(Int32Array.of(rows[0]?.[6 + step] ?? 0, rows[1]?.[5 + step] ?? 0));
      }
      await decoding.reorder(Int32Array.of(1, 0));
    }
    decoding.dispose();
  });

  it('samples and streams, by the functions that all models have', async () => {
    const tokenizer = characterTokenizer({ documents: [{ text: 'abcdefghij' }] });
    const model = { architecture, weights };
    const options = { temperature: 0, maxTokens: 5, key: key(1) };
    const [one, two] = await sample(model, tokenizer, ['abc', 'jihgf'], options);
    const text = 'abc' + (one?.text ?? '');
    const ids = tokenizer.encode(text.slice(0, -1));
    const likeliest = tf
      .argMax(architecture.forward(weights, tf.tensor2d([ids], [1, ids.length], 'int32')), 2)
      .dataSync();
    expect(tokenizer.decode([...likeliest.slice(2)])).toBe(one?.text);
    const streamed = stream(model, tokenizer, 'jihgf', options);
    expect((await streamed.summary()).text).toBe(two?.text);
  });

  it('remembers as much after one token as after ten thousand', () => {
    const { stateBytes, decodeFlops } = architecture.cost(1);
    expect(stateBytes).toBe(4 * 2 * 2 * 8 * 16);
    expect(architecture.cost(10_000)).toMatchObject({ stateBytes, decodeFlops });
    // Chunks of 128: a token meets 128 others, not 10,000.
    const [short, long] = [architecture.cost(128), architecture.cost(10_000)];
    expect(long.forwardFlops / short.forwardFlops).toBeLessThan(1.3);
  });

  it('learns, with blocks computed again and dropout by key', async () => {
    const text = 'the cat sat on the mat. '.repeat(20);
    const tokenizer = characterTokenizer({ documents: [{ text }] });
    const small = retnet({
      layers: 1,
      width: 16,
      heads: 2,
      context: 24,
      chunk: 8,
      vocabularySize: tokenizer.size,
      dropout: 0.1,
    });
    const packed = pack({ documents: [{ text }] }, tokenizer, 24);
    const losses: number[][] = [[], []];
    for (const recompute of [false, true]) {
      const model = await train(
        { architecture: small, weights: small.init(key(1)) },
        {
          objective: causalLanguageModel(),
          data: (options) => loader(packed, options),
          optimizer: adamw({ learningRate: 0.02 }),
          plan: { steps: recompute ? 3 : 60, batchSize: 4, recompute },
          key: key(2),
          heldOut: () => inOrder(packed, 4),
          on: (event) => {
            if (event.type === 'step') losses[Number(recompute)]?.push(event.result.loss);
          },
        },
      );
      tf.dispose(model.weights as unknown as tf.TensorContainer);
    }
    const [kept = [], again = []] = losses;
    expect(kept.at(-1)).toBeLessThan(1);
    expectClose(again, kept.slice(0, 3), 1e-4);
  });

  it('is saved and read', async () => {
    const model = { architecture, weights };
    const path = join(folder, 'model');
    await retnetCodec.write(model, path);
    const read = await loadRetNet(path);
    expect(read.architecture.config).toEqual(architecture.config);
    expectClose(read.architecture.forward(read.weights, tokens).dataSync(), truth.logits.flat(2), 1e-4);
    expect(retnetCodec.is(read)).toBe(true);
    expect(retnetCodec.summarise(model).facts).toMatchObject({ parameters: architecture.numParameters });
    await writeFile(join(path, 'config.json'), '{"model_type":"llama"}');
    await expect(loadRetNet(path)).rejects.toThrow('describes no retentive network');
    await saveRetNet(model, path); // over what was there
  });

  it('says what does not fit', () => {
    const sizes = { layers: 1, width: 12, heads: 4, context: 8, vocabularySize: 5 };
    expect(() => retnet(sizes)).toThrow('must be whole and even');
    // @ts-expect-error the key is chunk
    expect(() => retnet({ ...sizes, chunks: 3 })).toThrow('chunk');
  });
});
