import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { causalLanguageModel, engineInfo, key, startTraining } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { startModule, withChildren } from './child.js';
import { adamwNumbers, architectureOf, drawBatch, optimizerOf, type GptRecipe } from './gpt-recipe.js';
import { residentMegabytes } from './memory.js';

/** Steps in all, and those after which all that a training ever needs is there. */
type Recipe = {
  readonly model: GptRecipe;
  readonly steps: number;
  readonly settled: number;
  /** Before the first step: the thread of the TypeScript loader gives back 20 MB some time after its last file, in no step of the training. */
  readonly secondsIdle: number;
};

const model: GptRecipe = {
  layers: 2,
  width: 64,
  heads: 2,
  context: 32,
  vocabularySize: 65,
  batchSize: 4,
  numBatches: 16,
  checkSteps: 0,
  rounds: 1,
  secondsPerBlock: 0,
};

const recipeOf = (isQuick: boolean): Recipe =>
  isQuick ? { model, steps: 60, settled: 20, secondsIdle: 0 } : { model, steps: 10_000, settled: 500, secondsIdle: 20 };

const targets = ['xla', 'graph'] as const;

/** Whether a long training grows: tensors and memory once it has settled. */
export const flatness: Benchmark = {
  name: 'flatness',
  title: 'a small model trained for 10,000 awaited steps: tensors and memory from step 500 on',
  workload: (isQuick) => ({ ...recipeOf(isQuick), adamw: adamwNumbers, targets, dtype: 'float32' }),
  run: async ({ quick, say }) => {
    const measurements: Measurement[] = [];
    for (const target of targets) {
      say(`${target}: ${recipeOf(quick).steps} steps`);
      const child = startModule(import.meta.url);
      const found = await withChildren([child], () => child.ask<Found>('train', { ...recipeOf(quick), target }));
      const { tensors, resident, millisecondsPerStep } = found;
      const [first = NaN] = resident;
      const farthest = Math.max(...resident.map((megabytes) => Math.abs(megabytes / first - 1)));
      measurements.push(
        { figure: `${target}: tensors more at the end`, value: tensors[1] - tensors[0], goal: { atMost: 0 } },
        { figure: `${target}: RSS leaves its first value by`, value: farthest * 100, unit: '%', goal: { atMost: 2 } },
        {
          figure: `${target}: RSS`,
          value: first,
          unit: 'MB',
          spread: [Math.min(...resident), Math.max(...resident)],
        },
        { figure: `${target}: a step`, value: millisecondsPerStep, unit: 'ms' },
      );
    }
    return { measurements };
  },
};

type Found = {
  /** Live tensors once settled and at the end. */
  readonly tensors: readonly [number, number];
  /** RSS in MB once settled and at a hundred places from there to the end. */
  readonly resident: readonly number[];
  readonly millisecondsPerStep: number;
};

export const answers = {
  train: async ({
    model: sizes,
    steps,
    settled,
    secondsIdle,
    target,
  }: Recipe & { target: 'xla' | 'graph' }): Promise<Found> => {
    engineInfo();
    const architecture = architectureOf(sizes);
    const weights = architecture.init(key(1));
    const training = startTraining(causalLanguageModel()(architecture), {
      weights,
      optimizer: optimizerOf(adamwNumbers),
      target,
    });
    const batches = Array.from({ length: sizes.numBatches }, (_, index) => drawBatch(sizes, index));
    const every = Math.max(1, Math.floor((steps - settled) / 100));
    await setTimeout(secondsIdle * 1000);
    const resident: number[] = [];
    let before = 0;
    let started = 0;
    for (let step = 1; step <= steps; step++) {
      await training.step(batches[step % batches.length] ?? drawBatch(sizes, step), step);
      if (step === settled) {
        before = tf.memory().numTensors;
        started = performance.now();
      }
      if (step >= settled && (step - settled) % every === 0) resident.push(residentMegabytes());
    }
    const millisecondsPerStep = (performance.now() - started) / (steps - settled);
    return { tensors: [before, tf.memory().numTensors], resident, millisecondsPerStep };
  },
};
