import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import { weightHash } from '../../../src/model/model.js';
import type { Model } from '../../../src/model/model.js';
import { takeLayers } from '../../../src/model/take-layers.js';
import { writeAnswers } from '../../../src/model/write-answers.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import { loader } from '../../../src/tokens/loader.js';
import type { Packed } from '../../../src/tokens/pack.js';
import { pretrain } from '../../../src/train/pretrain.js';
import { distil, fromAnswers, fromHiddenStates, fromLogits, fromRelations } from '../../../src/train/recipes/index.js';
import type { DistilOptions } from '../../../src/train/recipes/index.js';
import { onPolicyLoader, withAnswers } from '../../../src/train/recipes/distillation/own-answers.js';

const sizes = { context: 8, vocabularySize: 11 } as const;
const numRows = 24;
/** Each token says the next one: x → 3 x + 1. */
const tokens = Int32Array.from({ length: numRows * 9 }, () => 0);
for (let row = 0; row < numRows; row++) {
  tokens[row * 9] = row % 11;
  for (let place = 1; place < 9; place++) tokens[row * 9 + place] = ((tokens[row * 9 + place - 1] ?? 0) * 3 + 1) % 11;
}
const packed: Packed = {
  context: 8,
  numRows,
  tokens,
  weights: new Uint8Array(numRows * 8).fill(1),
  numTokens: numRows * 8,
  numBytes: numRows * 8,
};

let teacher: Model;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distil-'));
  teacher = await pretrain(decoder({ layers: 2, width: 32, heads: 2, ...sizes }), {
    data: packed,
    steps: 60,
    batchSize: 8,
    learningRate: 1e-2,
    key: key(1),
    target: 'graph',
  });
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const architecture = decoder({ layers: 1, width: 16, heads: 2, ...sizes });
const student: Model = { architecture, weights: architecture.init(key(2)) };
const numbers = { steps: 40, batchSize: 8, learningRate: 1e-2, key: key(3), target: 'graph' } as const;
const prompts = [[1], [2], [3, 10], [5]];
const written = { prompts, maxTokens: 6, stops: [], temperature: 1 };
type Options = Partial<DistilOptions<DecoderWeights>>;

/** The losses of all steps, and the student. */
async function distilled(options: Options): Promise<{ losses: number[]; model: Model }> {
  const losses: number[] = [];
  const all = { ...numbers, teacher, loss: fromLogits(), data: packed, ...options } as DistilOptions<DecoderWeights>;
  const model = await distil(student, {
    ...all,
    metrics: (_step, { loss }) => {
      if (loss !== undefined) losses.push(loss);
    },
  });
  return { losses, model };
}

const last = (losses: readonly number[]): number => losses.at(-1) ?? NaN;

describe('distil', { timeout: 300_000 }, () => {
  it('learns a teacher’s predictions from packed rows, and leaves both models as they are', async () => {
    const before = await weightHash(student);
    const { losses } = await distilled({ heldOut: packed, loss: fromLogits({ crossEntropy: 0 }) });
    expect(last(losses)).toBeLessThan((losses[0] ?? NaN) / 2); // 5.5 → 1.8
    expect(await weightHash(student)).toBe(before);
  });

  it('learns hidden states by projections that it throws away, and relations', async () => {
    const losses: number[] = [];
    const metrics = (_step: number, { loss = NaN }: { readonly loss?: number }): void => void losses.push(loss);
    const numTensors = tf.memory().numTensors;
    const model = await distil(student, { ...numbers, teacher, loss: fromHiddenStates(), data: packed, metrics });
    expect(last(losses)).toBeLessThan((losses[0] ?? NaN) / 2);
    expect(Object.keys(model.weights)).toEqual(Object.keys(student.weights));
    tf.dispose(model.weights as unknown as tf.TensorContainer);
    expect(tf.memory().numTensors).toBeLessThanOrEqual(numTensors);
    const related = await distilled({ loss: fromRelations({ heads: 4 }) });
    expect(last(related.losses)).toBeLessThan((related.losses[0] ?? NaN) / 2);
  });

  it('learns from answers that the teacher wrote', async () => {
    const plan = { maxTokens: 7, stops: [], temperature: 0, batchSize: 4, key: key(5) };
    const examples = await writeAnswers(teacher, [[1], [2], [3], [4]], plan);
    expect(examples[0]?.tokens).toEqual(Int32Array.of(1, 4, 2, 7, 0, 1, 4, 2));
    expect(examples[0]?.counted).toEqual(Uint8Array.of(0, 1, 1, 1, 1, 1, 1, 1));
    const rows: Packed = {
      ...packed,
      numRows: 4,
      tokens: Int32Array.from(examples.flatMap((one) => [...one.tokens, 0])),
    };
    const { losses } = await distilled({ loss: fromAnswers(), data: rows });
    expect(last(losses)).toBeLessThan((losses[0] ?? NaN) / 2);
  });

  it('learns on what the student writes', async () => {
    const alone = await distilled({
      data: undefined,
      onPolicy: { ...written, share: 1 },
      steps: 10,
      loss: fromLogits({ crossEntropy: 0 }),
    });
    expect(last(alone.losses)).toBeLessThan((alone.losses[0] ?? NaN) * 0.9);
  });

  it.each([
    ['packed rows', {}],
    ['what the student writes', { onPolicy: { ...written, share: 0.5 } }],
  ] as const)('goes on exactly where it was interrupted, on %s', async (name, more) => {
    const options = { steps: 5, checkpointEvery: 2, ...more };
    const whole = await weightHash((await distilled(options)).model);
    const stop = new AbortController();
    const checkpoints = join(folder, name);
    const on: Options['on'] = (event) => {
      if (event.type === 'step' && event.step === 3) stop.abort();
    };
    await expect(distilled({ ...options, checkpoints, signal: stop.signal, on })).rejects.toThrow('interrupted');
    const { losses, model } = await distilled({ ...options, checkpoints });
    expect(losses.length).toBe(2);
    expect(await weightHash(model)).toBe(whole);
    const other = { ...options, checkpoints, loss: fromLogits({ temperature: 3 }) };
    await expect(distilled(other)).rejects.toThrow('another');
  });

  it('refuses what does not fit before anything is trained', async () => {
    const other = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 12 });
    const strange = { architecture: other, weights: other.init(key(1)) };
    const options = { ...numbers, teacher, loss: fromLogits(), data: packed };
    await expect(distil(strange, options)).rejects.toThrow('different vocabularies');
    const long = { ...packed, context: 9 };
    await expect(distil(student, { ...options, data: long })).rejects.toThrow('longer than the student’s context');
    await expect(distilled({ data: undefined })).rejects.toThrow('nothing to learn from');
    await expect(distilled({ onPolicy: { ...written, share: 1 } })).rejects.toThrow('has room for the data');
    await expect(distilled({ onPolicy: { ...written, share: 0 } })).rejects.toThrow('at least one prompt');
    await expect(distilled({ onPolicy: { ...written, share: 0.5, maxTokens: 9 } })).rejects.toThrow('longer than');
    await expect(distilled({ onPolicy: { ...written, share: 0.3 } })).rejects.toThrow('whole number of rows');
    await expect(distilled({ learningRate: -1 })).rejects.toThrow('distil');
  });

  it('may learn relations of a teacher with another vocabulary', async () => {
    const wide = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 12 });
    const strange = { architecture: wide, weights: wide.init(key(1)) };
    const options = { ...numbers, steps: 2, teacher, loss: fromRelations({ heads: 2 }), data: packed };
    await expect(distil(strange, options)).resolves.toBeDefined();
  });
});

describe('rows that the student writes', () => {
  it('stand below those of the text, count where they answer, and not for the data', () => {
    const text = loader(packed, { batchSize: 1, key: key(1) }).next();
    const answers = [{ tokens: Int32Array.of(7, 8, 9), stopped: true }];
    const rows = withAnswers(text, [Int32Array.of(4, 5)], answers, 8);
    expect([...rows.inputs.slice(8)]).toEqual([4, 5, 7, 8, 0, 0, 0, 0]);
    expect([...rows.targets.slice(8)]).toEqual([5, 7, 8, 9, 0, 0, 0, 0]);
    expect([...rows.weights.slice(8)]).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
    expect([...(rows.dataWeights ?? [])]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(rows.batchSize).toBe(2);
  });

  it('are parted among processes with their numbers in the whole batch', () => {
    const onPolicy = { ...written, share: 0.5 };
    const text = (options: Parameters<typeof loader>[1]) => loader(packed, options);
    const read = (reader?: { index: number; count: number }) =>
      onPolicyLoader(onPolicy, text, { batchSize: 8, key: key(1), ...(reader && { reader }) }).next();
    const whole = read();
    const parts = [0, 1].map((index) => read({ index, count: 2 }));
    const byNumber = new Map(
      parts.flatMap(({ prompts: { numbers, tokens: rows } }) => numbers.map((number, place) => [number, rows[place]])),
    );
    expect(whole.prompts.numbers).toEqual([0, 1, 2, 3]);
    expect(whole.prompts.numbers.map((number) => byNumber.get(number))).toEqual(whole.prompts.tokens);
  });
});

it('a student made of the teacher’s layers begins nearer to it', async () => {
  const { losses: fresh } = await distilled({ steps: 1 });
  const taken = takeLayers(teacher, { every: 2 });
  const losses: number[] = [];
  await distil(taken, {
    ...numbers,
    steps: 1,
    teacher,
    loss: fromLogits(),
    data: packed,
    metrics: (_step, { loss }) => {
      if (loss !== undefined) losses.push(loss);
    },
  });
  expect(losses[0]).toBeLessThan(fresh[0] ?? NaN);
});
