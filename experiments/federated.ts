/**
 * Federated averaging in one picture: four clients have points of one line, but each another stretch of it, and unequally many. Each process
 * holds its part of the clients; points stay there, and only sums of changes of weights go round.
 *
 *     npx trainbook launch --processes 2 experiments/federated.ts
 *
 * Prints the line that was found, with and without clipping and noise, and the (ε, δ) of the latter.
 */
import * as tf from '@tensorflow/tfjs';
import { federate, fold, joinGroup, key, regression, sgd, tableLoader, uniformNumbers } from 'trainbook';

const group = await joinGroup();
const [slope, intercept] = [2, -1];
const stretches = [
  { from: -2, rows: 8 },
  { from: -1, rows: 40 },
  { from: 0, rows: 16 },
  { from: 1, rows: 24 },
];
const seed = key(1);
const clients = stretches.map(({ from, rows }, index) => {
  const values = Float32Array.from(uniformNumbers(fold(seed, index), rows), (u) => from + u);
  const targets = values.map((x) => slope * x + intercept);
  return (options: Parameters<typeof tableLoader>[2]) =>
    tableLoader({ numRows: rows, columns: ['x'], values }, targets, options);
});
const perProcess = Math.ceil(clients.length / group.size);

type Line = { readonly slope: tf.Tensor; readonly intercept: tf.Tensor };
const start = {
  architecture: {
    forward: (line: Line, x: tf.Tensor) => tf.add(tf.mul(x, line.slope), line.intercept),
  },
  weights: { slope: tf.scalar(0), intercept: tf.scalar(0) } as Line,
};

for (const privacy of [undefined, { clipNorm: 0.5, noiseMultiplier: 0.6, delta: 1e-2 }]) {
  const { model, privacy: spent } = await federate(start, {
    objective: regression(),
    clients: clients.slice(group.index * perProcess, (group.index + 1) * perProcess),
    rounds: 40,
    localEpochs: 2,
    batchSize: 8,
    optimizer: sgd({ learningRate: 0.1 }),
    ...(privacy && { privacy }),
    key: fold(seed, 'training'), // for real clients: drawn at random, and secret
    target: 'graph',
    group,
  });
  const [a = NaN] = model.weights.slope.dataSync();
  const [b = NaN] = model.weights.intercept.dataSync();
  console.log(
    `process ${group.index} of ${group.size}: y = ${a.toFixed(4)} x + ${b.toFixed(4)}; ε ${spent.epsilon.toFixed(1)} at δ ${spent.delta}`,
  );
  if (privacy === undefined && !(Math.abs(a - slope) < 0.05 && Math.abs(b - intercept) < 0.05)) process.exitCode = 1;
}
await group.leave();
