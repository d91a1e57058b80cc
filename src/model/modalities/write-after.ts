import * as tf from '@tensorflow/tfjs';
import { compile } from '../../engine/compile.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Tokenizer } from '../../tokens/tokenizer.js';
import { cacheCells, Idle, rowsFor } from '../cache-cells.js';
import { decodingBy } from '../decoding.js';
import type { Decoding } from '../decoding.js';
import { samplePlan } from '../sample-options.js';
import type { SampleChoice } from '../sample-options.js';
import { writeTexts } from '../write-texts.js';
import type { WrittenTail } from '../write-texts.js';
import type { Multimodal, MultimodalWeights } from './multimodal.js';

/** A decoder with encoders, and weights for both. */
export interface MultimodalModel<Name extends string = string> {
  readonly architecture: Multimodal<Name>;
  readonly weights: MultimodalWeights<Name>;
}

/** How to write: `sampleOptions` says what each option means; at temperature 0 the likeliest token is taken. */
export interface WriteAfterOptions extends SampleChoice {
  readonly key: Key;
  /** What is asked of each input. Default: nothing, the text begins at once. */
  readonly prompt?: string;
}

/**
 * What the model says of inputs of a kind: the encoder's tokens are read first, then the end-of-text token and the prompt, as
 * `pairedLoader` has them in training with `prompt: [tokenizer.endOfText, …]`.
 *
 * @param inputs The numbers of each input, as many as the encoder's `inputShape` says.
 * @throws TrainbookError if an option is out of range, or an input is of another shape.
 * @example
 * const [said] = await writeAfter(model, 'image', [pixels], tokenizer, { temperature: 0, key: key(1) });
 */
export async function writeAfter<Name extends string>(
  model: MultimodalModel<Name>,
  name: Name,
  inputs: readonly Float32Array[],
  tokenizer: Tokenizer,
  { key, prompt = '', ...options }: WriteAfterOptions,
): Promise<WrittenTail[]> {
  const plan = samplePlan('writeAfter', options, tokenizer);
  if (inputs.length === 0) return [];
  const { decoder, encoders } = model.architecture;
  const { inputShape, numTokens } = encoders[name];
  const size = inputShape.reduce((product, axis) => product * axis, 1);
  const wrong = inputs.findIndex(({ length }) => length !== size);
  if (wrong >= 0)
    throw new TrainbookError({
      what: `writeAfter: input ${wrong} is not what the encoder of ${name} reads`,
      received: `${inputs[wrong]?.length} numbers`,
      expected: `${size}: [${inputShape.join(', ')}]`,
    });
  const beginning = [tokenizer.endOfText, ...tokenizer.encode(prompt)];
  const length = Math.min(decoder.config.context - numTokens, beginning.length + Math.max(0, plan.maxTokens - 1));
  const numbers = new Float32Array(inputs.length * size);
  inputs.forEach((input, index) => {
    numbers.set(input, index * size);
  });
  const media = tf.tensor(numbers, [inputs.length, ...inputShape]);
  try {
    const decoding = decodingAfter(model, name, media, length);
    return await writeTexts(
      decoding,
      tokenizer,
      inputs.map(() => beginning),
      { plan, key },
    );
  } finally {
    media.dispose();
  }
}

/** A decoding whose rows begin with the tokens of inputs. All prompts are of one length. */
function decodingAfter<Name extends string>(
  { architecture, weights }: MultimodalModel<Name>,
  name: Name,
  media: tf.Tensor,
  length: number,
): Decoding {
  const firstRow = architecture.encoders[name].numTokens;
  const batch = media.shape[0];
  const reader = idle.take(architecture, batch, rowsFor(firstRow + length));
  return decodingBy(
    {
      step: async ({ isPrompt }, tokens, row) => {
        if (isPrompt) (await reader.readInputs(name)(weights, media)).dispose();
        return reader.step(weights, tokens, row);
      },
      reorder: async (order) => {
        await reader.reorder(order);
      },
      dispose: () => {
        idle.giveBack(architecture, reader);
      },
    },
    { batch, length, firstRow },
  );
}

/** Keys and values in cells, and the compiled functions that change them. */
interface Reader {
  readonly batch: number;
  readonly rows: number;
  /** Reads inputs of a kind into the first rows. */
  readonly readInputs: (name: string) => (weights: MultimodalWeights, inputs: tf.Tensor) => Promise<tf.Tensor>;
  readonly step: (weights: MultimodalWeights, tokens: tf.Tensor, row: tf.Scalar) => Promise<tf.Tensor>;
  readonly reorder: (from: tf.Tensor) => Promise<unknown>;
  dispose(): void;
}

// What a reader wrote is overwritten before it is seen.
const idle = new Idle(makeReader);

function makeReader(architecture: Multimodal, batch: number, rows: number): Reader {
  const { decoder } = architecture;
  const kept = cacheCells({ layers: decoder.config.layers, batch, rows, shape: decoder.cacheShape });
  const readers = new Map<string, ReturnType<Reader['readInputs']>>();
  const made = (name: string): ReturnType<Reader['readInputs']> =>
    compile(
      (weights: MultimodalWeights, inputs: tf.Tensor): tf.Tensor => {
        const tokens = architecture.tokens(weights, name, inputs);
        const row = tf.scalar(0, 'int32');
        kept.write(decoder.decode(weights.decoder, tokens, row, kept.read(), undefined, { bothWays: true }).cache);
        return tf.scalar(0);
      },
      { name: 'read inputs' },
    );
  return {
    batch,
    rows,
    readInputs: (name) => {
      const reader = readers.get(name) ?? made(name);
      readers.set(name, reader);
      return reader;
    },
    step: compile(
      (weights: MultimodalWeights, tokens: tf.Tensor, row: tf.Scalar): tf.Tensor => {
        const { logits, cache } = decoder.decode(weights.decoder, tokens, row, kept.read());
        kept.write(cache);
        return logits;
      },
      { name: 'decode' },
    ),
    reorder: compile(
      (from: tf.Tensor): tf.Tensor => {
        kept.reorder(from);
        return tf.scalar(0);
      },
      { name: 'reorder' },
    ),
    dispose: () => {
      kept.dispose();
    },
  };
}
