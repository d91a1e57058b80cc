import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as tf from '@tensorflow/tfjs';
import { key } from '../../src/engine/key.js';
import { decoder } from '../../src/model/decoder.js';
import { loadModel, weightHash } from '../../src/model/model.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { pretrain } from '../../src/train/pretrain.js';
import { warmupCosine } from '../../src/train/schedules/schedule.js';
import type { PretrainOptions } from '../../src/train/pretrain.js';
import { expectClose } from '../model/close.js';
import { architecture, options, packedRows } from './small-pretraining.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** Trains until the metrics of `step` are in, then stops as Ctrl-C does. */
async function interruptedAt(step: number, more: Partial<PretrainOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const running = pretrain(architecture, {
    ...options,
    checkpoints: folder,
    signal: stop.signal,
    metrics: (done) => {
      if (done === step) stop.abort();
    },
    ...more,
  });
  await expect(running).rejects.toMatchObject({ name: 'AbortError' });
}

describe('pretrain', () => {
  it('learns a rule, and says how it goes', async () => {
    const rows: Record<string, number>[] = [];
    const heldOut = packedRows(4);
    const model = await pretrain(architecture, {
      ...options,
      steps: 150,
      evaluateEvery: 60,
      heldOut,
      metrics: (step, values) => rows.push({ step, ...values }),
    });
    expect([...new Set(rows.map(({ step }) => step))]).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
    expect(rows[0]?.['loss']).toBeCloseTo(Math.log(11), 1); // first weights are near 0: all tokens equally likely
    expect(rows.at(-1)?.['heldOutLoss']).toBeLessThan(0.1);
    expect(rows.flatMap(({ step, heldOutLoss }) => (heldOutLoss === undefined ? [] : [step]))).toEqual([60, 120, 150]);
    expect(rows[0]).toMatchObject({ learningRate: 0.005 });
    expect(rows[0]?.['tokensPerSecond']).toBeUndefined();
    expect(rows[1]?.['tokensPerSecond']).toBeGreaterThan(0);
    expect(rows.every(({ gradientNorm = 1 }) => gradientNorm > 0)).toBe(true);
    expect(model.architecture).toBe(architecture);
  });

  it('keeps no tensors: as many live after 40 steps as after 10', async () => {
    const held = tf.scalar(1); // so that the count is seen to count
    const counts: number[] = [];
    await pretrain(architecture, {
      ...options,
      steps: 40,
      metrics: () => counts.push(tf.memory().numTensors),
    });
    expect(counts[9]).toBeGreaterThan(0);
    expect(counts[39]).toBe(counts[9]);
    held.dispose();
  });

  it('XLA and the graph executor train alike', async () => {
    const losses = { xla: [] as number[], graph: [] as number[] };
    for (const target of ['xla', 'graph'] as const) {
      await pretrain(architecture, { ...options, target, metrics: (_, { loss = NaN }) => losses[target].push(loss) });
    }
    expectClose(losses.xla, losses.graph, 1e-4);
  });

  it('the same key gives the same weights, another key others', async () => {
    const hashes = await Promise.all(
      [key(5), key(5), key(6)].map(async (seed) => weightHash(await pretrain(architecture, { ...options, key: seed }))),
    );
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });

  it('interrupted and resumed, ends with the weights of a run that never was', async () => {
    const whole = await weightHash(await pretrain(architecture, options));
    await interruptedAt(5);
    expect(await readdir(folder)).toEqual(['step-00000004', 'step-00000005']);
    await interruptedAt(7);
    const steps: number[] = [];
    const resumed = await pretrain(architecture, {
      ...options,
      checkpoints: folder,
      metrics: (step) => steps.push(step),
    });
    expect(steps).toEqual([8, 9, 10, 11, 12]);
    expect(await weightHash(resumed)).toBe(whole);
  });

  it('killed between checkpoints, goes on from the last one; a damaged one is passed over', async () => {
    const whole = await weightHash(await pretrain(architecture, options));
    const died = pretrain(architecture, {
      ...options,
      checkpoints: folder,
      metrics: (step) => {
        if (step === 11) throw new Error('killed');
      },
    });
    await expect(died).rejects.toThrow('killed');
    expect(await readdir(folder)).toEqual(['step-00000004', 'step-00000008']);
    await truncate(join(folder, 'step-00000008', 'training.safetensors'), 100);
    const warning = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const steps: number[] = [];
    const resumed = await pretrain(architecture, {
      ...options,
      checkpoints: folder,
      metrics: (step) => steps.push(step),
    });
    expect(warning).toHaveBeenCalledOnce();
    expect(steps[0]).toBe(5);
    expect(await weightHash(resumed)).toBe(whole);
  });

  it('leftovers of a killed checkpoint are ignored and swept away', async () => {
    await interruptedAt(3);
    await writeFile(join(folder, 'step-00000009.abc.tmp'), 'half');
    await interruptedAt(6);
    expect(await readdir(folder)).toEqual(['step-00000004', 'step-00000006']);
  });

  it('a checkpoint is a model folder', async () => {
    await interruptedAt(4);
    const model = await loadModel(join(folder, 'step-00000004'));
    expect(model.architecture.config).toEqual(architecture.config);
    const state = JSON.parse(await readFile(join(folder, 'step-00000004', 'state.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(state).toMatchObject({ format: 3, step: 4, cursor: { epoch: 1, row: 5 } }); // 4 × 3 rows of 7
  });

  it('refuses the checkpoints of another run, and of another optimizer', async () => {
    await interruptedAt(4);
    const other = pretrain(architecture, { ...options, learningRate: 2e-2, checkpoints: folder });
    await expect(other).rejects.toThrow(/other data or settings/);
    const otherData = pretrain(architecture, { ...options, data: packedRows(8), checkpoints: folder });
    await expect(otherData).rejects.toThrow(/other data or settings/);
    const rate = warmupCosine(options);
    const optimizer = { ...adamw({ learningRate: rate }), init: () => ({ other: tf.zeros([1]) }) };
    await expect(pretrain(architecture, { ...options, optimizer, checkpoints: folder })).rejects.toThrow(
      /has no optimizer\.other/,
    );
  });

  it('stops with the step and the rows where the loss is no number', async () => {
    const optimizer = adamw({ learningRate: (step) => (step === 2 ? NaN : 1e-3) });
    const running = pretrain(architecture, { ...options, optimizer });
    await expect(running).rejects.toThrow(/at step 3 .*not a number[\s\S]*3 rows before row 2 of epoch 1/);
  });

  it('refuses rows longer than the context, and options out of range', async () => {
    const short = decoder({ ...architecture.config, context: 4 });
    await expect(pretrain(short, options)).rejects.toThrow(/longer than the model’s context/);
    await expect(pretrain(architecture, { ...options, steps: 0 })).rejects.toThrow(/steps/);
    await expect(pretrain(architecture, { ...options, warmupSteps: 13 })).rejects.toThrow(
      /warmupSteps must not exceed/,
    );
  });
});

describe('exact resume', () => {
  it.each([
    ['a state in bfloat16', { optimizerState: 'bfloat16' }],
    ['a state in bytes', { optimizerState: 'int8' }],
    ['a running mean of the weights', { averageDecay: 0.9 }],
    ['micro-batches and recomputation', { microBatch: 1, recompute: true }],
  ] as const)('holds with %s', async (_, more) => {
    // wide enough for a matrix of 4,096 numbers, from which on a state is kept small
    const wide = decoder({ ...architecture.config, width: 64, hidden: 64 });
    const run = async (given: Partial<PretrainOptions>): Promise<string> =>
      weightHash(await pretrain(wide, { ...options, ...more, ...given }));
    const whole = await run({});
    const stop = new AbortController();
    const stopAt5 = (step: number): void => {
      if (step === 5) stop.abort();
    };
    const stopped = run({ checkpoints: folder, signal: stop.signal, metrics: stopAt5 });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(await run({ checkpoints: folder })).toBe(whole);
  });
});
