import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Decoder } from '../../../src/model/decoder.js';
import { weightHash } from '../../../src/model/model.js';
import type { Model } from '../../../src/model/model.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import { inOrder, loader } from '../../../src/tokens/loader.js';
import type { Batch, Loader } from '../../../src/tokens/loader.js';
import type { Packed } from '../../../src/tokens/pack.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import type { TrainEvent } from '../../../src/train/event.js';
import { growContext } from '../../../src/train/growth/grow-context.js';
import { growInTurn } from '../../../src/train/growth/growth.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { decoderFiles } from '../../../src/train/checkpoints/decoder-files.js';
import { trainProgressively } from '../../../src/train/growth/progressive.js';
import type { ProgressiveOptions } from '../../../src/train/growth/progressive.js';
import { warmupCosine } from '../../../src/train/schedules/schedule.js';
import { stackLayers } from '../../../src/train/growth/stack-layers.js';
import { train } from '../../../src/train/train.js';
import type { Trainable } from '../../../src/train/train.js';
import { eventsOf, leastSquares, pointLoader } from '../straight-line.js';
import type { Points, Slope } from '../straight-line.js';

/** Rows of a sequence with a rule that can be learned: each token is 3 more than the one before, modulo 11. */
function packedRows(numRows: number, context: number): Packed {
  const tokens = Int32Array.from({ length: numRows * (context + 1) }, (_, index) => {
    const row = Math.floor(index / (context + 1));
    return (row + 3 * (index % (context + 1))) % 11;
  });
  const numTokens = numRows * context;
  return { context, numRows, tokens, weights: new Uint8Array(numTokens).fill(1), numTokens, numBytes: numTokens };
}

type Options = ProgressiveOptions<Decoder, DecoderWeights, Batch>;

const rowsOf =
  (numRows: number, context: number): Options['phases'][number]['data'] =>
  (options) =>
    loader(packedRows(numRows, context), options);

const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 4, vocabularySize: 11, dropout: 0.1 });
const start: Model = { architecture, weights: architecture.init(key(1)) };

/** Context 4, then 8 with twice the layers, then 8 again with other rows and no growth. */
const options: Options = {
  objective: causalLanguageModel(),
  phases: [
    { untilStep: 5, data: rowsOf(9, 4), batchSize: 4 },
    { untilStep: 9, data: rowsOf(7, 8), grow: growInTurn(growContext(8), stackLayers()) },
    { untilStep: 12, data: rowsOf(5, 8) },
  ],
  optimizer: ({ steps }) => adamw({ learningRate: warmupCosine({ learningRate: 1e-2, warmupSteps: 3, steps }) }),
  plan: { batchSize: 2, checkpointEvery: 3 },
  key: key(5),
  target: 'graph',
  files: decoderFiles,
  energy: { nvidiaSmi: '/nowhere/nvidia-smi' },
};

/** A line whose slope is the sum of several: a model of layers as small as can be. */
type Slopes = { readonly layers: readonly Slope[] };

const twoSlopes = { architecture: null, weights: { layers: [{ slope: tf.zeros([1]) }, { slope: tf.ones([1]) }] } };

/** The same phases, with as many slopes again in the second. */
const slopes: ProgressiveOptions<null, Slopes, Points> = {
  objective: () => {
    const { whole: _nothing, ...loss } = leastSquares(null);
    const sum = ({ layers }: Slopes): Slope => ({ slope: tf.addN(layers.map(({ slope }) => slope)) });
    return { ...loss, sums: (weights, batch, computing) => loss.sums(sum(weights), batch, computing) };
  },
  phases: [
    { untilStep: 5, data: pointLoader([1, 2, 3]) },
    {
      untilStep: 9,
      data: pointLoader([4, 5]),
      grow: ({ architecture: none, weights: { layers } }) => ({
        architecture: none,
        weights: { layers: [...layers, ...layers] },
        state: (path, before) => before(path.replace(/\d+/, (layer) => `${Number(layer) % layers.length}`)),
      }),
    },
    { untilStep: 12, data: pointLoader([7, 8, 9, 10]) },
  ],
  optimizer: ({ steps }) => adamw({ learningRate: warmupCosine({ learningRate: 0.1, warmupSteps: 3, steps }) }),
  plan: { batchSize: 1, checkpointEvery: 3 },
  key: key(5),
  target: 'graph',
  energy: { nvidiaSmi: '/nowhere/nvidia-smi' },
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'progressive-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Trains until an event comes, then dies at once, or is interrupted and saves. */
async function endedAt<A, W, B>(
  start: Trainable<A, W>,
  options: ProgressiveOptions<A, W, B>,
  ending: (event: TrainEvent) => boolean,
  how: 'killed' | 'interrupted',
): Promise<void> {
  const stop = new AbortController();
  const running = trainProgressively(start, {
    ...options,
    checkpoints: folder,
    signal: stop.signal,
    on: (event) => {
      if (!ending(event)) return;
      if (how === 'killed') throw new Error('killed');
      stop.abort();
    },
  });
  await expect(running).rejects.toThrow(how === 'killed' ? 'killed' : 'interrupted');
}

/** Goes on, with what is in the folder, to the end. */
async function resumed<A, W, B, M extends Trainable<A, W>>(
  start: M & Trainable<A, W>,
  options: ProgressiveOptions<A, W, B>,
): Promise<{ model: M; steps: number[] }> {
  const steps: number[] = [];
  const model = await trainProgressively<A, W, B, M>(start, {
    ...options,
    checkpoints: folder,
    on: (event) => {
      if (event.type === 'step') steps.push(event.step);
    },
  });
  await rm(folder, { recursive: true });
  return { model, steps };
}

const atStep =
  (step: number) =>
  (event: TrainEvent): boolean =>
    event.type === 'step' && event.step === step;

describe('a training in phases', () => {
  it('counts steps through, with the schedule of the whole, and grows between', async () => {
    const events: TrainEvent[] = [];
    const trained = await trainProgressively(start, { ...options, on: (event) => events.push(event) });
    const steps = eventsOf(events, 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const rate = warmupCosine({ learningRate: 1e-2, warmupSteps: 3, steps: 12 });
    expect(steps.map(({ scalars }) => scalars['learningRate'])).toEqual(steps.map(({ step }) => rate(step)));
    expect(steps.every((step) => step.steps === 12)).toBe(true);
    expect(steps.map(({ size }) => size)).toEqual([16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16]); // 4 × 4, 2 × 8
    expect(eventsOf(events, 'phase')).toEqual([
      { type: 'phase', step: 5, phase: 2, phases: 3 },
      { type: 'phase', step: 9, phase: 3, phases: 3 },
    ]);
    expect(eventsOf(events, 'end')).toEqual([{ type: 'end', step: 12, reason: 'done' }]);
    expect(trained.architecture.config).toMatchObject({ context: 8, layers: 2 });
    expect(await weightHash(start)).toBe(await weightHash({ architecture, weights: architecture.init(key(1)) }));
  });

  it('of one phase is plain training', async () => {
    const [phase] = options.phases;
    if (phase === undefined) throw new Error('no phase');
    const losses = { train: [] as number[], progressive: [] as number[] };
    const listen = (name: keyof typeof losses) => (event: TrainEvent) => {
      if (event.type === 'step') losses[name].push(event.result.loss);
    };
    const weights = { ...start, architecture: decoder({ ...architecture.config, dropout: 0 }) };
    const shared = { ...options, plan: { batchSize: 9 } }; // all rows at once, in whatever order
    const data = rowsOf(9, 4);
    await trainProgressively(weights, { ...shared, phases: [{ untilStep: 4, data }], on: listen('progressive') });
    const { phases: _phases, files: _files, evaluate: _evaluate, ...rest } = shared;
    await train(weights, { ...rest, data, plan: { batchSize: 9, steps: 4 }, on: listen('train') });
    losses.train.forEach((loss, index) => {
      expect(losses.progressive[index]).toBeCloseTo(loss, 5);
    });
    expect(losses.train).toHaveLength(4);
  });

  it('of a decoder, killed in the second phase and resumed, ends with the weights of one that never was', async () => {
    const whole = await weightHash(await trainProgressively(start, options));
    await endedAt(start, options, atStep(8), 'killed'); // after the checkpoint of step 6
    expect((await readdir(folder)).sort()).toEqual(['phase-1', 'phase-2']);
    const { model, steps } = await resumed(start, options);
    expect(steps).toEqual([7, 8, 9, 10, 11, 12]);
    expect(await weightHash(model)).toBe(whole);
  });

  it('killed or interrupted anywhere, and resumed, ends with the weights of one that never was', async () => {
    const numbers = async ({ weights }: { readonly weights: Slopes }): Promise<number[]> =>
      Promise.all(weights.layers.map(async ({ slope }) => (await slope.data())[0] ?? NaN));
    const whole = await numbers(await trainProgressively(twoSlopes, slopes));
    expect(whole).toHaveLength(4);
    const end = async (): Promise<number[]> => {
      const { model, steps } = await resumed(twoSlopes, slopes);
      expect(await numbers(model)).toEqual(whole);
      return steps;
    };
    // In the second phase, before it has a checkpoint.
    await endedAt(twoSlopes, slopes, atStep(6), 'killed');
    expect(await readdir(folder)).toEqual(['phase-1']);
    expect(await end()).toEqual([6, 7, 8, 9, 10, 11, 12]);
    // At the end of the first phase, before and after it is saved.
    await endedAt(twoSlopes, slopes, atStep(5), 'killed');
    expect(await end()).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await endedAt(twoSlopes, slopes, ({ type, step }) => type === 'checkpoint' && step === 5, 'killed');
    expect(await end()).toEqual([6, 7, 8, 9, 10, 11, 12]);
    await endedAt(twoSlopes, slopes, atStep(5), 'interrupted');
    expect(await end()).toEqual([6, 7, 8, 9, 10, 11, 12]);
    // Twice: in the first phase, then between the second and the third.
    await endedAt(twoSlopes, slopes, atStep(2), 'interrupted');
    await endedAt(twoSlopes, slopes, ({ type, step }) => type === 'phase' && step === 9, 'killed');
    expect(await end()).toEqual([10, 11, 12]);
  });

  it('refuses checkpoints of other phases', async () => {
    await endedAt(start, options, atStep(4), 'killed');
    const [first, ...others] = options.phases;
    if (first === undefined) throw new Error('no phase');
    const phases = [{ ...first, untilStep: 6 }, ...others];
    await expect(trainProgressively(start, { ...options, phases, checkpoints: folder })).rejects.toThrow(
      /other data or settings/,
    );
  });

  it('ends in whatever phase no score is better, and stays ended', async () => {
    const scores = [5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
    const stopped: Options = {
      ...options,
      plan: { batchSize: 2, checkpointEvery: 1, evaluateEvery: 1, best: { metric: 'score', patience: 5 } },
      evaluate: (model, step) =>
        Promise.resolve({ score: scores[step - 1] ?? NaN, layers: model.architecture.config.layers }),
      checkpoints: folder,
    };
    const events: TrainEvent[] = [];
    const model = await trainProgressively(start, { ...stopped, on: (event) => events.push(event) });
    expect(eventsOf(events, 'end')).toEqual([{ type: 'end', step: 7, reason: 'no better score' }]); // 2 and 5 more
    expect(eventsOf(events, 'evaluation').map(({ scores: { layers } }) => layers)).toEqual([1, 1, 1, 1, 1, 2, 2]);
    expect(model.architecture.config.layers).toBe(2);
    const again = await trainProgressively(start, stopped);
    expect(await weightHash(again)).toBe(await weightHash(model));
  });

  it('has phases that follow each other', async () => {
    const [first, second] = options.phases;
    if (first === undefined || second === undefined) throw new Error('no phases');
    for (const phases of [[], [second, first], [{ ...first, untilStep: 2.5 }]])
      await expect(trainProgressively(start, { ...options, phases })).rejects.toThrow(/do not follow/);
  });

  it('learns with a context that grows from 32 to 64 and 128', async () => {
    const contexts = [32, 64, 128] as const;
    const small = decoder({ layers: 1, width: 16, heads: 2, context: 32, vocabularySize: 11 });
    const losses: number[] = [];
    const heldOut: number[] = [];
    const model = await trainProgressively<Decoder, DecoderWeights, Batch, Model>(
      { architecture: small, weights: small.init(key(2)) },
      {
        ...options,
        phases: contexts.map((context, index) => ({
          untilStep: 30 * (index + 1),
          data: rowsOf(22, context),
          batchSize: 256 / context,
          heldOut: () => inOrder(packedRows(11, context), 11),
          ...(index > 0 && { grow: growContext(context) }),
        })),
        plan: { batchSize: 1, evaluateEvery: 30 },
        on: (event) => {
          if (event.type === 'step') losses.push(event.result.loss);
          if (event.type === 'evaluation') heldOut.push(event.scores['heldOutLoss'] ?? NaN);
        },
      },
    );
    expect(model.architecture.config.context).toBe(128);
    expect(losses[0]).toBeCloseTo(Math.log(11), 1);
    expect(losses).toHaveLength(90);
    expect(heldOut).toHaveLength(3);
    expect(heldOut[2]).toBeLessThan(0.2);
    expect(heldOut[2]).toBeLessThan(heldOut[0] ?? NaN);
  });
});

it('has types that refuse lengths in the plan, and batches of another kind', () => {
  const { evaluate: _, ...rest } = options;
  const images = (): Loader<{ readonly pixels: tf.Tensor }> => {
    throw new Error('never called');
  };
  const refused = [
    // @ts-expect-error phases say how long the training is, not the plan
    () => trainProgressively(start, { ...rest, plan: { batchSize: 2, steps: 3 } }),
    // @ts-expect-error batches of another kind than the objective's
    () => trainProgressively(start, { ...rest, phases: [{ untilStep: 1, data: images }] }),
  ];
  expect(refused).toHaveLength(2);
});
