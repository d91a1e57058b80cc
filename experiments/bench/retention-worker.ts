import * as tf from '@tensorflow/tfjs';
import {
  blockMixing,
  compile,
  decoder,
  engineInfo,
  key,
  retnet,
  startRetentionDecoding,
  type Decoding,
  type RetNet,
} from 'trainbook';
import { median } from './blocks.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** The sizes of both models, and the text that they read. A type, not an interface, so that it counts as JSON. */
export type RetentionRecipe = {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly tokens: number;
  readonly chunk: number;
  /** How many tokens are written after each of these lengths. */
  readonly lengths: readonly number[];
  readonly written: number;
};

/** Input of `start`: who reads the text. */
export type RetentionStart = {
  readonly recipe: RetentionRecipe;
  readonly form: 'retention' | 'attention' | 'attention in blocks';
};

/** Answer to `start`: the highest memory of a reading after the first, in MB above the RSS after import. */
export type RetentionStarted = { readonly numParameters: number; readonly peak: number | null };

let read: () => Promise<void>;

export const answers = {
  start: async ({ recipe, form }: RetentionStart): Promise<RetentionStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    const { tokens: length, chunk, layers, width, heads, vocabularySize } = recipe;
    const sizes = { layers, width, heads, vocabularySize, context: length };
    const tokens = tf.tensor2d(
      Int32Array.from({ length }, (_, place) => (place * 31) % vocabularySize),
      [1, length],
      'int32',
    );
    const model = form === 'retention' ? readerOf(retnet({ ...sizes, chunk })) : attending(form, sizes);
    read = async () => {
      const last = await model.run(tokens);
      await last.data();
      last.dispose();
    };
    await read();
    resetPeak();
    await read();
    const peak = peakMegabytes();
    return { numParameters: model.numParameters, peak: peak === null ? null : peak - imported };
  },
  /** Seconds to read the text once. */
  block: async (): Promise<number> => {
    const began = performance.now();
    await read();
    return (performance.now() - began) / 1000;
  },
  /** Milliseconds of a token that is written after so many, and what is remembered of them, in bytes. */
  write: async (recipe: RetentionRecipe): Promise<readonly WrittenAfter[]> => {
    const { layers, width, heads, vocabularySize, tokens, chunk, lengths, written } = recipe;
    const architecture = retnet({ layers, width, heads, vocabularySize, chunk, context: tokens + written });
    const weights = architecture.init(key(1));
    const decoding = startRetentionDecoding({ architecture, weights }, { batch: 1, length: tokens + written });
    const results: WrittenAfter[] = [];
    for (const length of lengths)
      results.push({ length, ...(await writeAfter(decoding, recipe, length)), ...costOf(architecture, length) });
    decoding.dispose();
    return results;
  },
};

/** Of one length: the median of tokens written after it. */
export type WrittenAfter = {
  readonly length: number;
  readonly milliseconds: number;
  readonly megabytes: number | null;
  readonly stateBytes: number;
};

const costOf = (architecture: RetNet, length: number): Pick<WrittenAfter, 'stateBytes'> => ({
  stateBytes: architecture.cost(length).stateBytes,
});

async function writeAfter(
  decoding: Decoding,
  { vocabularySize, written }: RetentionRecipe,
  length: number,
): Promise<Pick<WrittenAfter, 'milliseconds' | 'megabytes'>> {
  const prompt = Array.from({ length }, (_, place) => (place * 31) % vocabularySize);
  await decoding.start([prompt]);
  await decoding.next(Int32Array.of(1)); // compiles, the first time
  resetPeak();
  const before = residentMegabytes();
  const times: number[] = [];
  for (let token = 0; token < written - 1; token++) {
    const began = performance.now();
    await decoding.next(Int32Array.of(token % vocabularySize));
    times.push(performance.now() - began);
  }
  const peak = peakMegabytes();
  return { milliseconds: median(times), megabytes: peak === null ? null : peak - before };
}

interface Reading {
  readonly numParameters: number;
  readonly run: (tokens: tf.Tensor) => Promise<tf.Tensor>;
}

/** Reads a text: the logits after its last token. */
function readerOf(architecture: RetNet): Reading {
  const weights = architecture.init(key(1));
  const run = compile((given: typeof weights, tokens: tf.Tensor) => {
    const states = architecture.hidden(given, tokens);
    return architecture.logits(given, lastOf(states));
  });
  return { numParameters: architecture.numParameters, run: (tokens) => run(weights, tokens) };
}

function attending(form: RetentionStart['form'], sizes: Parameters<typeof decoder>[0]): Reading {
  // As many matrices: 4 width² for attention and 8 width² for the MLP, which retention has the other way round.
  const architecture = decoder({ ...sizes, mlp: 'gelu', norm: 'layer' });
  const weights = architecture.init(key(1));
  const options = form === 'attention' ? {} : { attention: blockMixing };
  const run = compile((given: typeof weights, tokens: tf.Tensor) =>
    architecture.logits(given, lastOf(architecture.hidden(given, tokens, options))),
  );
  return { numParameters: architecture.numParameters, run: (tokens) => run(weights, tokens) };
}

function lastOf(states: tf.Tensor): tf.Tensor {
  const [, time, width] = states.shape as [number, number, number];
  return tf.slice(states, [0, time - 1, 0], [1, 1, width]);
}
