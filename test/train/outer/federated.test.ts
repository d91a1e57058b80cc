import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { gaussianSpent } from '../../../src/data/privacy/renyi-account.js';
import { key } from '../../../src/engine/key.js';
import { flatten } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { regression } from '../../../src/train/objectives/regression.js';
import { sgd } from '../../../src/train/optimizers/sgd.js';
import { federate } from '../../../src/train/recipes/federated.js';
import { chooseClients, sampleClients } from '../../../src/train/recipes/federated-clients.js';
import { expectClose } from '../../model/close.js';
import { line, pointsAt } from './sine.js';
import type { Line, Points } from './sine.js';
import { twoMembers } from '../two-members.js';

const numbersOf = (tree: unknown): number[] =>
  flatten<tf.Tensor>(tree as Tree<tf.Tensor>).flatMap((leaf) => [...leaf.dataSync()]);

type Pair = readonly [number, number];

/** x and y of each client, of unequal numbers. */
const data: readonly (readonly Pair[])[] = [
  [
    [-1, 2],
    [0.5, 1],
    [2, 0],
    [1, 3],
  ],
  [[1.5, -1]],
  [
    [0, 1],
    [3, 2],
  ],
];
const clients: readonly Points[] = data.map((points) => {
  const heights = new Map(points.map(([x, y]) => [Math.fround(x), y]));
  return pointsAt(
    (x) => heights.get(x) ?? NaN,
    points.map(([x]) => x),
  );
});

const first: Pair = [0.3, -0.2];
const model: { readonly architecture: typeof line; readonly weights: Line } = {
  architecture: line,
  weights: { slope: tf.scalar(first[0]), intercept: tf.scalar(first[1]) },
};
const options = {
  objective: regression(),
  clients,
  rounds: 1,
  batchSize: 4, // all rows of a client
  optimizer: sgd({ learningRate: 0.1 }),
  key: key(7),
  target: 'graph' as const,
};

/** The gradient of the mean of (slope x + intercept − y)². */
function gradientAt([slope, intercept]: Pair, points: readonly Pair[]): Pair {
  const mean = (of: (x: number, error: number) => number): number =>
    points.reduce((sum, [x, y]) => sum + of(x, slope * x + intercept - y), 0) / points.length;
  return [mean((x, error) => 2 * error * x), mean((_, error) => 2 * error)];
}

/** Steps of a client on all of its rows, by hand, with FedProx's μ. */
function clientSteps(from: Pair, points: readonly Pair[], steps: number, mu = 0): Pair {
  let at = from;
  for (let step = 0; step < steps; step++) {
    const gradient = gradientAt(at, points);
    const moved = (i: 0 | 1): number => at[i] - 0.1 * (gradient[i] + mu * (at[i] - from[i]));
    at = [moved(0), moved(1)];
  }
  return at;
}

const total = data.flat().length;

describe('the mean of the clients', () => {
  it('is weighed by rows: two rounds of three clients with two epochs, by hand', async () => {
    let at = first;
    for (let round = 0; round < 2; round++) {
      const learned = data.map((points) => clientSteps(at, points, 2));
      const mean = (i: 0 | 1): number =>
        learned.reduce((sum, one, k) => sum + ((data[k]?.length ?? 0) / total) * one[i], 0);
      at = [mean(0), mean(1)];
    }
    const { model: trained, privacy } = await federate(model, { ...options, rounds: 2, localEpochs: 2 });
    expectClose(numbersOf(trained.weights), at, 1e-6);
    expect(privacy.epsilon).toBe(Infinity); // nothing is protected
  });

  it('after one step each is a step on the rows of all: FedSGD', async () => {
    const gradient = gradientAt(first, data.flat());
    const { model: trained } = await federate(model, options);
    expectClose(
      numbersOf(trained.weights),
      first.map((weight, i) => weight - 0.1 * (gradient[i] ?? NaN)),
      1e-6,
    );
  });

  it('has FedProx’s pull towards the weights that were sent', async () => {
    const learned = data.map((points) => clientSteps(first, points, 3, 0.8));
    const mean = (i: 0 | 1): number =>
      learned.reduce((sum, one, k) => sum + ((data[k]?.length ?? 0) / total) * one[i], 0);
    const { model: trained } = await federate(model, { ...options, localEpochs: 3, proximal: 0.8 });
    expectClose(numbersOf(trained.weights), [mean(0), mean(1)], 1e-6);
  });

  it('is the same whether clients are in one process or in two, also where some rounds have none of a process', async () => {
    const sampled = { ...options, rounds: 4, fraction: 0.34, batchSize: 2, localEpochs: 2 };
    for (const privacy of [undefined, { clipNorm: 0.2, noiseMultiplier: 0.5, delta: 1e-3, rowCap: 3 }]) {
      const given = { ...sampled, ...(privacy && { privacy }) };
      const alone = await federate(model, given);
      const [one, two] = await Promise.all(
        twoMembers().map((group) =>
          federate(model, { ...given, group, clients: group.index === 0 ? clients.slice(0, 1) : clients.slice(1) }),
        ),
      );
      expectClose(numbersOf(one?.model.weights), numbersOf(alone.model.weights), 1e-6);
      expect(numbersOf(two?.model.weights)).toEqual(numbersOf(one?.model.weights));
    }
  });
});

describe('clients are chosen', () => {
  it('by key: so many without repetition, or each by chance', () => {
    expect(chooseClients(key(1), 10, 0.3).size).toBe(3);
    expect(chooseClients(key(1), 10, 0.01).size).toBe(1);
    expect(chooseClients(key(1), 10, 0.3)).toEqual(chooseClients(key(1), 10, 0.3));
    const sizes = Array.from({ length: 400 }, (_, round) => sampleClients(key(round), 20, 0.1).size);
    const mean = sizes.reduce((a, b) => a + b, 0) / sizes.length;
    expect(Math.abs(mean - 2)).toBeLessThan(4 * Math.sqrt((20 * 0.1 * 0.9) / 400)); // binomial
    expect(Math.min(...sizes)).toBe(0);
  });
});

describe('privacy of clients', () => {
  it('cuts each client’s change, counts by capped rows, and divides by what was expected: by hand', async () => {
    const [clipNorm, rowCap] = [0.15, 2];
    const changes = data.map((points) => {
      const learned = clientSteps(first, points, 1);
      const change: Pair = [learned[0] - first[0], learned[1] - first[1]];
      const factor = Math.min(1, clipNorm / Math.hypot(...change)) * Math.min(points.length / rowCap, 1);
      return change.map((number) => number * factor);
    });
    const weights = 1 + 0.5 + 1;
    const expected = first.map((weight, i) => weight + changes.reduce((sum, one) => sum + (one[i] ?? 0), 0) / weights);
    const privacy = { clipNorm, noiseMultiplier: 0, delta: 1e-3, rowCap };
    const rows: Record<string, number>[] = [];
    const metrics = (_: number, row: Record<string, number>): void => void rows.push(row);
    const { model: trained, privacy: spent } = await federate(model, { ...options, privacy, metrics });
    expectClose(numbersOf(trained.weights), expected, 1e-6);
    expect(spent.epsilon).toBe(Infinity); // no noise
    expect(rows[0]).toMatchObject({ clients: 3, clipped: 1 });
  });

  it('adds noise of the deviation z S / (q U), and tells what it spends', async () => {
    const wide = { architecture: line, weights: { slope: tf.zeros([1, 4000]), intercept: tf.zeros([1]) } };
    const silent = pointsAt(() => 0, [1, 2]); // the model is right: clients change nothing
    const spread = {
      ...line,
      forward: (w: Line, x: tf.Tensor) => tf.sum(tf.add(tf.mul(x, w.slope), w.intercept), 1, true),
    };
    const privacy = { clipNorm: 0.7, noiseMultiplier: 1.5, delta: 1e-3 };
    const { model: trained, privacy: spent } = await federate(
      { ...wide, architecture: spread },
      { ...options, clients: [silent, silent, silent, silent], batchSize: 2, fraction: 0.5, privacy },
    );
    const noise = [...trained.weights.slope.dataSync()];
    const deviation = Math.sqrt(noise.reduce((sum, number) => sum + number ** 2, 0) / noise.length);
    const expected = (1.5 * 0.7) / (0.5 * 4);
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * noise.length));
    expect(spent).toEqual(gaussianSpent({ sampleRate: 0.5, noiseMultiplier: 1.5, steps: 1, delta: 1e-3 }));
  });

  it('a round in which nobody takes part is noise alone, and counts', async () => {
    const privacy = { clipNorm: 0.2, noiseMultiplier: 0.1, delta: 1e-3 };
    const epsilons: number[] = [];
    const counts: number[] = [];
    const { privacy: spent } = await federate(model, {
      ...options,
      rounds: 5,
      fraction: 0.05,
      privacy,
      metrics: (_, row) => {
        epsilons.push(row['epsilon'] ?? NaN);
        counts.push(row['clients'] ?? NaN);
      },
    });
    expect(counts).toContain(0);
    expect(epsilons).toEqual([...epsilons].sort((a, b) => a - b));
    expect(epsilons.at(-1)).toBe(spent.epsilon);
  });
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'federated-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('goes on exactly after an interrupt', async () => {
  const given = { ...options, rounds: 6, fraction: 0.6, batchSize: 2, checkpointEvery: 2 };
  const whole = await federate(model, given);
  const stop = new AbortController();
  const checkpoints = join(folder, 'checkpoints');
  const metrics = (round: number): void => {
    if (round === 3) stop.abort();
  };
  const interrupted = federate(model, { ...given, checkpoints, signal: stop.signal, metrics });
  await expect(interrupted).rejects.toThrow('interrupted after step 3 of 6');
  const resumed = await federate(model, { ...given, checkpoints });
  expect(numbersOf(resumed.model.weights)).toEqual(numbersOf(whole.model.weights));
  await expect(federate(model, { ...given, checkpoints, proximal: 0.1 })).rejects.toThrow('other data or settings');
});

it('says what it does not take', async () => {
  await expect(federate(model, { ...options, clients: [] })).rejects.toThrow('there are no clients');
  await expect(federate(model, { ...options, fraction: 1.5 })).rejects.toThrow('federate: fraction');
  const privacy = { clipNorm: 0, noiseMultiplier: 1, delta: 1e-3 };
  await expect(federate(model, { ...options, privacy })).rejects.toThrow('federate: privacy.clipNorm');
});
