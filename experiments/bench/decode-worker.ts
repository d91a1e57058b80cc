import * as tf from '@tensorflow/tfjs';
import { engineInfo, key, loadModel, startDecoding, type DecoderWeights, type Decoding, type Model } from 'trainbook';
import { compile, likeliest } from './built.js';
import { median } from './blocks.js';
import { longArchitectureOf, type DecodeRecipe } from './decode-recipe.js';

/** Input of `start`. */
export type DecodeStart = {
  readonly folder: string;
  readonly recipe: DecodeRecipe;
  readonly prompt: readonly number[];
  readonly threads: number;
};

/** Input of `cost`. */
export type CostQuestion = {
  readonly recipe: DecodeRecipe;
  readonly tokens: readonly number[];
  readonly length: number;
};

/** Milliseconds a token, where `length` tokens stand before it. */
export type DecodeCost = { readonly withCache: number; readonly withoutCache: number };

/** Numbers in a row of the matrix that is read to see how fast memory is, and how often it is read in a block. */
const rowOfMatrix = 8000;
const readsPerBlock = 5;
/** Tokens whose time is taken at each length. */
const stepsPerCost = 8;

let started: DecodeStart;
let decoding: Decoding;
let readMatrix: () => Promise<tf.Tensor>;
let long: Model | undefined;

export const answers = {
  /** Loads and compiles; gives the tokens that are generated. */
  start: async (given: DecodeStart): Promise<number[]> => {
    engineInfo();
    started = given;
    const { promptTokens, newTokens, bandwidthBytes } = given.recipe;
    decoding = startDecoding(await loadModel(given.folder), { batch: 1, length: promptTokens + newTokens });
    const { tokens } = await generate();
    const matrix = tf.ones([bandwidthBytes / (4 * rowOfMatrix), rowOfMatrix]);
    const row = tf.ones([1, rowOfMatrix]);
    const multiply = compile((x: tf.Tensor, w: tf.Tensor) => tf.matMul(x, w, false, true), {
      name: 'read',
      target: 'xla',
    });
    readMatrix = () => multiply(row, matrix);
    (await readMatrix()).dispose();
    return tokens;
  },
  /** Greedy tokens per second, by the median time of a token after the first. */
  block: async (): Promise<number> => (await generate()).tokensPerSecond,
  /**
   * Bytes per second that all threads read together: a row times each row of a matrix far larger than a cache, whose numbers are read once,
   * in order, multiplied and added. Of the ways that were tried it is the fastest: TensorFlow's sum of the same numbers reaches 95% of it, a
   * loop in C with AVX-512, on as many threads and with four streams each, 97%.
   */
  bandwidth: async (): Promise<number> => {
    const seconds: number[] = [];
    for (let count = 0; count < readsPerBlock; count++) {
      const began = performance.now();
      (await readMatrix()).dispose();
      seconds.push((performance.now() - began) / 1000);
    }
    return started.recipe.bandwidthBytes / median(seconds);
  },
  cost: async ({ recipe, tokens, length }: CostQuestion): Promise<DecodeCost> => {
    const architecture = longArchitectureOf(recipe);
    long ??= { architecture, weights: architecture.init(key(1)) };
    const prompt = tokens.slice(0, length);
    return { withCache: await timeCached(long, prompt), withoutCache: await timeWhole(long, prompt) };
  },
};

/** One block: the prompt, and then greedy tokens one by one. */
async function generate(): Promise<{ readonly tokens: number[]; readonly tokensPerSecond: number }> {
  const { prompt, recipe } = started;
  const tokens = [likeliest(await decoding.start([prompt]))];
  const seconds: number[] = [];
  while (tokens.length < recipe.newTokens) {
    const began = performance.now();
    tokens.push(likeliest(await decoding.next(Int32Array.of(tokens.at(-1) ?? 0))));
    seconds.push((performance.now() - began) / 1000);
  }
  return { tokens, tokensPerSecond: 1 / median(seconds) };
}

async function timeCached(model: Model, prompt: readonly number[]): Promise<number> {
  const cached = startDecoding(model, { batch: 1, length: prompt.length + stepsPerCost });
  await cached.start([prompt]);
  const next = () => cached.next(Int32Array.of(1));
  await next(); // compiles
  const milliseconds = await time(next, stepsPerCost - 1);
  cached.dispose();
  return milliseconds;
}

/** Without a cache all tokens are read again for each new one. */
async function timeWhole({ architecture, weights }: Model, prompt: readonly number[]): Promise<number> {
  const { width } = architecture.config;
  const whole = compile((values: DecoderWeights, tokens: tf.Tensor) => {
    const states = architecture.hidden(values, tokens);
    const last = tf.slice(states, [0, prompt.length - 1, 0], [1, 1, width]);
    return architecture.logits(values, tf.reshape(last, [1, width]));
  });
  const tokens = tf.tensor2d([[...prompt]], [1, prompt.length], 'int32');
  const step = async (): Promise<void> => {
    const logits = await whole(weights, tokens);
    await logits.data();
    logits.dispose();
  };
  await step(); // compiles
  const milliseconds = await time(step, 3);
  tokens.dispose();
  return milliseconds;
}

/** The median of several calls, in milliseconds. */
async function time(call: () => Promise<unknown>, count: number): Promise<number> {
  const milliseconds: number[] = [];
  for (let index = 0; index < count; index++) {
    const began = performance.now();
    await call();
    milliseconds.push(performance.now() - began);
  }
  return median(milliseconds);
}
