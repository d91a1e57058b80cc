/**
 * Data parallel in one picture: the gradient of a mean over a batch is the mean of the gradients over equal parts of it. So each
 * process takes its part of the batch, and all take the same step with the averaged gradient.
 *
 *     npx trainbook launch --processes 2 experiments/data-parallel.ts
 *
 * Prints how far the averaged gradient is from that of the whole batch, which here each process computes as well.
 */
import * as tf from '@tensorflow/tfjs';
import { compile, fold, joinGroup, key, normal, valueAndGrads } from 'trainbook';

const batchSize = 24;
const [inputs, hidden] = [6, 16];

const group = await joinGroup();
if (batchSize % group.size !== 0)
  throw new Error(`a batch of ${batchSize} does not fall into ${group.size} equal parts`);

// equal in all processes: random numbers are functions of a key
const seed = key(1);
const weights = {
  first: normal(fold(seed, 'first'), [inputs, hidden]),
  second: normal(fold(seed, 'second'), [hidden, 1]),
};
const x = normal(fold(seed, 'x'), [batchSize, inputs]);
const y = normal(fold(seed, 'y'), [batchSize, 1]);

const gradients = compile((given: typeof weights, x: tf.Tensor, y: tf.Tensor) => {
  const loss = ({ first, second }: typeof weights): tf.Scalar =>
    tf.mean(tf.square(tf.sub(tf.matMul(tf.tanh(tf.matMul(x as tf.Tensor2D, first)), second), y)));
  return valueAndGrads(loss)(given).grads;
});

const part = batchSize / group.size;
const own = await gradients(weights, x.slice(group.index * part, part), y.slice(group.index * part, part));
const [first, second] = await group.allReduce([own.first, own.second], 'mean');
const whole = await gradients(weights, x, y);

const distance = (a: tf.Tensor | undefined, b: tf.Tensor): number =>
  a === undefined ? NaN : (tf.norm(tf.sub(a, b)).dataSync()[0] ?? NaN) / (tf.norm(b).dataSync()[0] ?? NaN);
const furthest = Math.max(distance(first, whole.first), distance(second, whole.second));
console.log(
  `process ${group.index} of ${group.size}: relative distance ${furthest.toExponential(1)}, ${group.bytesSent} bytes sent`,
);
if (!(furthest < 1e-6)) process.exitCode = 1;
await group.leave();
