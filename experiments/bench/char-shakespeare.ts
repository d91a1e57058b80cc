import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  characterTokenizer,
  decoder,
  engineInfo,
  evaluate,
  key,
  pack,
  pretrain,
  windows,
  type DecoderOptions,
  type TrainOptions,
} from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { median } from './blocks.js';
import { startModule, withChildren } from './child.js';

/** A type, not an interface, so that it counts as JSON. */
type Recipe = {
  readonly model: DecoderOptions;
  readonly train: Omit<TrainOptions, 'steps' | 'warmupSteps'>;
  /** The part of the steps in which the learning rate rises. */
  readonly warmup: number;
  /** Of measuring the speed, compilation and training together. */
  readonly budgetSeconds: number;
  /** Steps that measure the speed; they are thrown away. */
  readonly trialSteps: number;
};

const minutes: Recipe = {
  model: { layers: 4, width: 128, heads: 4, context: 64 },
  train: { batchSize: 8, learningRate: 4e-3, finalFraction: 0.02, beta2: 0.99, weightDecay: 0.1 },
  warmup: 0.05,
  budgetSeconds: 180,
  trialSteps: 60,
};
/** 25 minutes feed more than the 0.8M parameters of 3. Without dropout: its random bits double the time of a step (LOG.md). */
const long: Recipe = {
  model: { layers: 6, width: 192, heads: 6, context: 192 },
  train: { batchSize: 16, learningRate: 2e-3, finalFraction: 0.02, beta2: 0.99, weightDecay: 0.1 },
  warmup: 0.05,
  budgetSeconds: 1500,
  trialSteps: 20,
};
const quick: Recipe = {
  ...minutes,
  model: { layers: 1, width: 16, heads: 2, context: 16 },
  train: { batchSize: 2, learningRate: 4e-3 },
  budgetSeconds: 8,
  trialSteps: 4,
};

/** nanoGPT's split of the text: the first 90% of its characters are trained on, the rest is held out. */
const trainingPart = 0.9;

/** nanoGPT's character-level tiny Shakespeare (its recipe for a laptop's CPU reaches 1.88 nats in about 3 minutes). */
export const charShakespeare = benchmark('char-shakespeare', '3 minutes', minutes, 1.8);
/** The same with more time (nanoGPT's recipe for a GPU reaches 1.47 nats with 82M tokens). */
export const charShakespeareLong = benchmark('char-shakespeare-long', '25 minutes', long, 1.55);

function benchmark(name: string, time: string, full: Recipe, goalNats: number): Benchmark {
  const recipeOf = (isQuick: boolean): Recipe => (isQuick ? quick : full);
  return {
    name,
    title: `tiny Shakespeare by characters, ${time} of training: loss on the whole validation part`,
    workload: (isQuick) => ({ ...recipeOf(isQuick), dtype: 'float32', seed: 1, trainingPart }),
    run: async ({ quick: isQuick, say }) => {
      const path = join(process.env['TRAINBOOK_DATA'] ?? '', 'tiny_shakespeare', 'input.txt');
      if (process.env['TRAINBOOK_DATA'] === undefined || !existsSync(path)) {
        return { skipped: 'no text: set TRAINBOOK_DATA to a folder that has tiny_shakespeare/input.txt' };
      }
      const child = startModule(import.meta.url);
      return withChildren([child], async () => {
        const recipe = recipeOf(isQuick);
        say(`training for ${recipe.budgetSeconds} s`);
        const found = await child.ask<Found>('train', { path, recipe });
        return {
          measurements: [
            { figure: 'validation loss', value: found.nats, unit: 'nats', goal: { atMost: goalNats } },
            { figure: 'time of training', value: found.seconds, unit: 's', goal: { atMost: recipe.budgetSeconds } },
            { figure: 'steps', value: found.steps },
            { figure: 'parameters', value: found.parameters },
            { figure: 'loss of the last 100 steps', value: found.trainNats, unit: 'nats' },
            { figure: 'characters of the validation part', value: found.characters },
          ],
        };
      });
    },
  };
}

type Found = {
  readonly nats: number;
  readonly trainNats: number;
  readonly seconds: number;
  readonly steps: number;
  readonly parameters: number;
  readonly characters: number;
};

export const answers = {
  train: async ({ path, recipe }: { path: string; recipe: Recipe }): Promise<Found> => {
    engineInfo();
    const { model, train, warmup, budgetSeconds, trialSteps } = recipe;
    const text = await readFile(path, 'utf8');
    const end = Math.floor(trainingPart * text.length);
    const documents = [{ text }];
    const tokenizer = characterTokenizer({ documents });
    const stream = Int32Array.from(tokenizer.encode(text.slice(0, end)));
    const architecture = decoder({ ...model, vocabularySize: tokenizer.size });
    const pretrainFor = async (steps: number) => {
      const losses: number[] = [];
      const seconds: number[] = [];
      let last = performance.now();
      const trained = await pretrain(architecture, {
        ...train,
        steps,
        warmupSteps: Math.round(warmup * steps),
        data: (options) => windows(stream, { ...options, context: model.context }),
        key: key(1),
        metrics: (_step, { loss = NaN }) => {
          losses.push(loss);
          seconds.push((performance.now() - last) / 1000);
          last = performance.now();
        },
      });
      return { trained, losses, seconds };
    };

    // The schedule needs the number of steps beforehand: as many as the speed of now lets into what is left of the time.
    const started = performance.now();
    const spent = (): number => (performance.now() - started) / 1000;
    const trial = await pretrainFor(trialSteps);
    const [compilation = 0, ...rest] = trial.seconds;
    const steps = Math.max(1, Math.floor((0.95 * (budgetSeconds - spent() - compilation)) / median(rest)));
    const { trained, losses } = await pretrainFor(steps);
    const seconds = spent();

    const heldOut = pack({ documents: [{ text: text.slice(end) }] }, tokenizer, model.context);
    const { nats } = await evaluate(trained, withoutEnds(heldOut), { batchSize: 32 });
    const tail = losses.slice(-100);
    return {
      nats,
      trainNats: tail.reduce((sum, loss) => sum + loss, 0) / tail.length,
      seconds,
      steps,
      parameters: architecture.numParameters,
      characters: text.length - end,
    };
  },
};

/**
 * Only characters count: the model never saw the ends of documents that `pack` puts before and after the text. (The first
 * character, which nothing stands before, does not count either.)
 */
function withoutEnds(packed: ReturnType<typeof pack>): ReturnType<typeof pack> {
  const weights = packed.weights.slice();
  weights[0] = 0;
  weights[packed.numTokens - 1] = 0;
  return { ...packed, weights, numTokens: packed.numTokens - 2, numBytes: packed.numBytes - 1 };
}
