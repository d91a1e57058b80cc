import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { fold, key, uniformNumbers } from '../../../src/engine/key.js';
import type { Key } from '../../../src/engine/key.js';
import { flatten } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { measureLoss } from '../../../src/train/held-out.js';
import { regression } from '../../../src/train/objectives/regression.js';
import { adam } from '../../../src/train/optimizers/adam.js';
import { sgd } from '../../../src/train/optimizers/sgd.js';
import { startLocalTraining } from '../../../src/train/outer/local-training.js';
import { firstOrderMaml } from '../../../src/train/recipes/first-order-maml.js';
import type { MamlTask } from '../../../src/train/recipes/first-order-maml.js';
import { reptile } from '../../../src/train/recipes/reptile.js';
import { train } from '../../../src/train/train.js';
import { expectClose } from '../../model/close.js';
import { drawnPoints, drawSine, line, perceptron, pointsAt } from './sine.js';
import type { Layers, Line, Points } from './sine.js';
import { twoMembers } from '../two-members.js';

const target = 'graph' as const;
const numbersOf = (tree: unknown): number[] =>
  flatten<tf.Tensor>(tree as Tree<tf.Tensor>).flatMap((leaf) => [...leaf.dataSync()]);

/** (slope, intercept), as plain numbers. */
type Pair = readonly [number, number];

/** The gradient of the mean of (slope x + intercept − y)² over points. */
function gradientAt([slope, intercept]: Pair, xs: readonly number[], f: (x: number) => number): Pair {
  const errors = xs.map((x) => slope * x + intercept - f(x));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return [mean(errors.map((error, i) => 2 * error * (xs[i] ?? 0))), 2 * mean(errors)];
}

/** Each task is a line y = a x + 1, a drawn by the key; its points are always the same, and all are in a batch. */
const [supportXs, queryXs] = [
  [-1, 0.5, 2],
  [1, 1.5, -2],
];
const slopeOf = (key: Key): number => (uniformNumbers(key, 1)[0] ?? 0) * 4 - 2;
const lineTask = (key: Key): MamlTask<ReturnType<ReturnType<Points>['next']>> & { readonly rows: Points } => {
  const a = slopeOf(key);
  const support = pointsAt((x) => a * x + 1, supportXs);
  return { rows: support, support, query: pointsAt((x) => a * x + 1, queryXs) };
};

const startLine: { readonly architecture: typeof line; readonly weights: Line } = {
  architecture: line,
  weights: { slope: tf.scalar(0.3), intercept: tf.scalar(-0.2) },
};
const lineOptions = {
  objective: regression(),
  innerBatchSize: 3,
  inner: sgd({ learningRate: 0.1 }),
  outer: sgd({ learningRate: 0.5 }),
  key: key(7),
  target,
};

/** The slopes of the tasks that are drawn in a round, as the recipes draw them. */
const slopesOf = (round: number, tasks: number): number[] =>
  Array.from({ length: tasks }, (_, index) => slopeOf(fold(fold(fold(fold(key(7), 'task'), round), index), 'draw')));

function descended(from: Pair, slope: number, steps: number): Pair {
  let at = from;
  for (let step = 0; step < steps; step++) {
    const [da, db] = gradientAt(at, supportXs, (x) => slope * x + 1);
    at = [at[0] - 0.1 * da, at[1] - 0.1 * db];
  }
  return at;
}

describe('the outer update, by hand, in a problem of two parameters', () => {
  it('Reptile: φ + ε mean(φ̃ − φ), two tasks, two inner steps, two rounds', async () => {
    let phi: Pair = [0.3, -0.2];
    for (const round of [1, 2]) {
      const [first, second] = slopesOf(round, 2).map((slope) => descended(phi, slope, 2)) as [Pair, Pair];
      const moved = (i: 0 | 1): number => phi[i] + 0.5 * ((first[i] + second[i]) / 2 - phi[i]);
      phi = [moved(0), moved(1)];
    }
    const options = { ...lineOptions, tasks: lineTask, rounds: 2, tasksPerRound: 2, innerSteps: 2 };
    expectClose(numbersOf((await reptile(startLine, options)).weights), phi, 1e-6);
  });

  it('first-order MAML: φ − ε mean ∇L_query(φ̃)', async () => {
    const from: Pair = [0.3, -0.2];
    const gradients = slopesOf(1, 2).map((slope) =>
      gradientAt(descended(from, slope, 2), queryXs, (x) => slope * x + 1),
    ) as [Pair, Pair];
    const expected = ([0, 1] as const).map((i) => from[i] - (0.5 * (gradients[0][i] + gradients[1][i])) / 2);
    const options = { ...lineOptions, tasks: lineTask, rounds: 1, tasksPerRound: 2, innerSteps: 2 };
    expectClose(numbersOf((await firstOrderMaml(startLine, options)).weights), expected, 1e-6);
  });

  it('Reptile with one inner step is joint training: a step on the mean of all tasks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        async (tasks, rate) => {
          const outer = sgd({ learningRate: rate });
          const options = { ...lineOptions, outer, tasks: lineTask, rounds: 2, tasksPerRound: tasks, innerSteps: 1 };
          const meta = await reptile(startLine, options);
          let at: Pair = [0.3, -0.2];
          for (const round of [1, 2]) {
            const all = slopesOf(round, tasks).map((slope) => gradientAt(at, supportXs, (x) => slope * x + 1));
            const mean = (i: 0 | 1): number => all.reduce((sum, gradient) => sum + gradient[i], 0) / tasks;
            at = [at[0] - rate * 0.1 * mean(0), at[1] - rate * 0.1 * mean(1)];
          }
          expectClose(numbersOf(meta.weights), at, 2e-6);
        },
      ),
      { numRuns: 3, seed: 2 },
    );
  });

  it('is the same when two processes share the tasks', async () => {
    const options = { ...lineOptions, tasks: lineTask, rounds: 2, tasksPerRound: 3, innerSteps: 2 };
    const alone = await reptile(startLine, options);
    const [first, second] = await Promise.all(twoMembers().map((group) => reptile(startLine, { ...options, group })));
    expectClose(numbersOf(first?.weights), numbersOf(alone.weights), 1e-6);
    expect(numbersOf(second?.weights)).toEqual(numbersOf(first?.weights));
  });
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meta-learning-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('goes on exactly after an interrupt, with the outer optimizer’s state', async () => {
  const options = {
    ...lineOptions,
    outer: adam({ learningRate: 0.1 }),
    tasks: lineTask,
    rounds: 6,
    innerSteps: 2,
    checkpointEvery: 2,
  };
  const whole = await reptile(startLine, options);
  const stop = new AbortController();
  const checkpoints = join(folder, 'checkpoints');
  const interrupted = reptile(startLine, {
    ...options,
    checkpoints,
    signal: stop.signal,
    metrics: (round) => {
      if (round === 3) stop.abort();
    },
  });
  await expect(interrupted).rejects.toThrow('interrupted after step 3 of 6');
  const rounds: number[] = [];
  const resumed = await reptile(startLine, { ...options, checkpoints, metrics: (round) => rounds.push(round) });
  expect(rounds).toEqual([4, 5, 6]);
  expect(numbersOf(resumed.weights)).toEqual(numbersOf(whole.weights));
  await expect(reptile(startLine, { ...options, checkpoints, innerSteps: 3 })).rejects.toThrow(
    'other data or settings',
  );
});

it('says what it does not take', async () => {
  const options = { ...lineOptions, tasks: lineTask, rounds: 2, innerSteps: 0 };
  await expect(reptile(startLine, options)).rejects.toThrow('reptile: innerSteps');
  const withoutQuery = (): unknown =>
    // @ts-expect-error a task of Reptile has no query rows; MAML's has
    firstOrderMaml(startLine, { ...options, tasks: (key: Key) => ({ rows: lineTask(key).rows }) });
  expect(withoutQuery).toBeTypeOf('function');
});

describe('sines', () => {
  const start = { architecture: perceptron, weights: perceptron.init(key(1), 40) };
  const inner = sgd({ learningRate: 0.05 });
  const numTasks = 160;

  /** The mean squared error on new sines after 10 steps on 10 points of each. */
  async function errorAfterTen(weights: Layers): Promise<number> {
    const local = startLocalTraining(regression()(perceptron), { weights, optimizer: inner, target });
    const measure = measureLoss(regression()(perceptron));
    let sum = 0;
    for (let index = 0; index < 20; index++) {
      const sine = drawSine(fold(key(99), index));
      const batches = drawnPoints(sine, 10, fold(key(98), index))({ batchSize: 10, key: key(5) });
      const { weights: fitted } = await local.run({ from: weights, batches, steps: 10, key: key(4) });
      const grid = Array.from({ length: 50 }, (_, place) => -5 + place / 5);
      const points = pointsAt((x) => sine.amplitude * Math.sin(x + sine.phase), grid)({ batchSize: 50, key: key(1) });
      sum += (await measure(fitted, [points.next()])).loss;
    }
    local.dispose();
    return sum / 20;
  }

  it('a new one is learned from 10 points in 10 steps far better than from a joint training', async () => {
    const draw = (key: Key): { readonly rows: Points } => ({ rows: drawnPoints(drawSine(key), 10, fold(key, 'x')) });
    const meta = await reptile(start, {
      objective: regression(),
      tasks: draw,
      rounds: numTasks,
      innerSteps: 8,
      innerBatchSize: 10,
      inner,
      outer: adam({ learningRate: (round) => 0.02 * (1.1 - round / numTasks) }),
      key: key(7),
      target,
    });
    // The points of as many tasks, mixed, and more updates.
    const sines = Array.from({ length: numTasks }, (_, index) => drawSine(fold(key(11), index)));
    const joint = await train(start, {
      objective: regression(),
      data: (options) => {
        const loaders = sines.map((sine, index) => drawnPoints(sine, 10, fold(key(12), index))(options));
        const batches = loaders.map((one) => one.next());
        const [first] = loaders;
        if (first === undefined) throw new Error('no sines');
        let step = 0;
        return { ...first, cursor: { epoch: 0, row: 0 }, next: () => mixed(batches, step++) };
      },
      optimizer: adam({ learningRate: 5e-3 }),
      plan: { steps: 400, batchSize: 10 },
      key: key(8),
      target,
    });
    const [learned, jointly] = [await errorAfterTen(meta.weights), await errorAfterTen(joint.weights)];
    expect(learned).toBeLessThan(0.5 * jointly);
  });

  /** A batch with point s of each of 10 batches. */
  function mixed(batches: readonly ReturnType<ReturnType<Points>['next']>[], step: number) {
    const chosen = Array.from({ length: 10 }, (_, place) => batches[(step * 10 + place) % batches.length]);
    const at = (step * 7) % 10;
    const pick = (name: 'inputs' | 'targets'): Float32Array =>
      Float32Array.from(chosen, (batch) => batch?.[name][at] ?? NaN);
    return { inputs: pick('inputs'), targets: pick('targets'), weights: new Float32Array(10).fill(1), batchSize: 10 };
  }
});
