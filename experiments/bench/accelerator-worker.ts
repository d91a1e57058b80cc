import * as tf from '@tensorflow/tfjs';
import {
  decoderPolicy,
  fold,
  key,
  loadModel,
  normal,
  setDevice,
  startDecoding,
  startRollouts,
  withPrecision,
  type Precision,
} from 'trainbook';
import { answers as attention } from './attention-worker.js';
import { compile, deviceInfo, likeliest, openDevice } from './built.js';
import { answers as training } from './gpt-worker.js';

/** A device for matrix products, as it calls itself. */
export type Accelerator = { readonly name: string; readonly kind: string; readonly version: string };

/** Input of `products`. */
export type ProductQuestion = { readonly size: number; readonly precision: Precision; readonly seconds: number };

/** Input of `write`. */
export type WriteQuestion = {
  readonly folder: string;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly batchSize: number;
};

/** Tokens a second: of one text, token by token, each chosen in JavaScript; of one, and of a batch, in one call of the device. */
export type WriteSpeeds = { readonly stepwise: number; readonly one: number; readonly batch: number };

/** Products in one call of the device, so that the call itself weighs nothing. */
const productsPerCall = 8;

/** One process for all of it: a GPU's plugin takes most of the memory when it is opened. */
export const answers = {
  open: ({ device }: { readonly device: string }): Accelerator => {
    const { name, kind, version } = deviceInfo(openDevice(setDevice(device as `${string}:${number}`)));
    return { name, kind, version };
  },

  startTraining: training.start,
  trainingBlock: training.block,
  startAttention: attention.start,
  attentionBlock: attention.block,

  /** Floating-point operations a second of square products: 2 n³ each. Each takes the one before it as a factor, so none is left out. */
  products: async ({ size, precision, seconds }: ProductQuestion): Promise<number> => {
    const scaled = tf.tidy(() => tf.mul(normal(key(1), [size, size]), 1 / Math.sqrt(size)));
    const multiply = compile(
      (x: tf.Tensor2D, w: tf.Tensor2D) => {
        let product = x;
        for (let count = 0; count < productsPerCall; count++) product = tf.matMul(product, w);
        return { product, sum: tf.sum(product) };
      },
      { name: `products of ${precision}` },
    );
    const call = async (): Promise<void> => {
      const { product, sum } = await withPrecision(precision, () =>
        multiply(scaled as tf.Tensor2D, scaled as tf.Tensor2D),
      );
      await sum.data();
      tf.dispose([product, sum]);
    };
    await call(); // compiles
    const started = performance.now();
    let numCalls = 0;
    while (numCalls === 0 || performance.now() - started < 1000 * seconds) {
      await call();
      numCalls++;
    }
    const took = (performance.now() - started) / 1000;
    scaled.dispose();
    return (2 * size ** 3 * productsPerCall * numCalls) / took;
  },

  write: async ({ folder, promptTokens, newTokens, batchSize }: WriteQuestion): Promise<WriteSpeeds> => {
    const model = await loadModel(folder);
    const prompt = Array.from({ length: promptTokens }, (_, index) => index % model.architecture.config.vocabularySize);
    const decoding = startDecoding(model, { batch: 1, length: promptTokens + newTokens });
    let token = likeliest(await decoding.start([prompt]));
    const next = async (): Promise<void> => {
      token = likeliest(await decoding.next(Int32Array.of(token)));
    };
    await next(); // compiles
    const started = performance.now();
    for (let count = 2; count < newTokens; count++) await next();
    const stepwise = (newTokens - 2) / ((performance.now() - started) / 1000);
    decoding.dispose();
    const inOneCall = async (rows: number): Promise<number> => {
      const rollouts = startRollouts(decoderPolicy(model.architecture), {
        batchSize: rows,
        maxTokens: newTokens,
        stops: [],
      });
      const prompts = Array.from({ length: rows }, () => prompt);
      await rollouts.write(model.weights, prompts, key(1)); // compiles
      const began = performance.now();
      await rollouts.write(model.weights, prompts, fold(key(1), 'timed'));
      return (rows * newTokens) / ((performance.now() - began) / 1000);
    };
    return { stepwise, one: await inOneCall(1), batch: await inOneCall(batchSize) };
  },
};
