import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { flatten } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { rowsFor } from './cache-cells.js';
import { choiceOptions } from './choice.js';
import type { ChoiceOptions } from './choice.js';
import { tokenChooser } from './choose-token.js';
import type { Decoder } from './decoder.js';
import { paddedLength } from './decoding.js';
import { emptyCache } from './key-value-cache.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { Model } from './model.js';
import { parseOptions } from './parse-options.js';
import type { DecoderWeights } from './weights.js';

/** The tokens that blanks are marked by, as in training. */
export interface BlankMarks {
  /** Stands for a blank. */
  readonly mask: number;
  /** What a blank's tokens begin with, and end with. */
  readonly start: number;
  readonly end: number;
}

/** How blanks are filled: `choiceOptions` says how tokens are chosen. */
export interface WriteBlanksOptions extends ChoiceOptions {
  readonly key: Key;
  /** Tokens for each blank, at most. */
  readonly maxTokens: number;
}

/**
 * Fills the blanks of a text, from the first to the last: the tokens for each, without their end. The text is read both ways, once; a
 * blank's tokens see it, and the blanks filled before. Du 2021, "GLM" (2103.10360).
 *
 * @throws TrainbookError if the text has no blank or is longer than the context, or the model knows no places within blanks.
 * @example
 * const [filled] = await writeBlanks(model, [12, 7, mask, 9], { mask, start, end }, { temperature: 0, maxTokens: 8, key: key(1) });
 */
export async function writeBlanks(
  { architecture, weights }: Model,
  text: readonly number[],
  { mask, start, end }: BlankMarks,
  { key, maxTokens, ...choice }: WriteBlanksOptions,
): Promise<number[][]> {
  const choose = tokenChooser(parseOptions('writeBlanks', choiceOptions, choice));
  const blanks = text.flatMap((token, place) => (token === mask ? [place] : []));
  check(architecture, text, blanks, maxTokens);
  const time = paddedLength(text.length, architecture.config.context);
  const { cacheShape: shape, config } = architecture;
  const rows = rowsFor(time + blanks.length * (maxTokens + 1));
  let cache = emptyCache({ layers: config.layers, batch: 1, rows, shape });
  let row = 0;
  const padding = time - text.length;
  const { readText, next } = stepsOf(architecture);

  const read = (step: Step, tokens: readonly Placed[]): Promise<Float32Array> =>
    inferring(async () => {
      const column = (of: (one: Placed) => number): tf.Tensor => tf.tensor2d([tokens.map(of)], undefined, 'int32');
      const inputs = [
        column(({ token }) => token),
        tf.scalar(row, 'int32'),
        tf.tensor1d([padding], 'int32'),
        column(({ place }) => place),
        column(({ block }) => block),
      ] as const;
      const { logits, cache: after } = await step(weights, cache, ...inputs);
      tf.dispose([...flatten<tf.Tensor>(cache), ...inputs]);
      cache = after;
      row += tokens.length;
      const numbers = (await logits.data()) as Float32Array;
      logits.dispose();
      return numbers;
    });

  const left = Array.from({ length: padding }, () => ({ token: 0, place: 0, block: 0 }));
  await read(readText, [...left, ...text.map((token, place) => ({ token, place, block: 0 }))]);
  const filled: number[][] = [];
  for (const place of blanks) {
    const tokens: number[] = [];
    for (let last = start; tokens.length < maxTokens;) {
      const logits = await read(next, [{ token: last, place, block: tokens.length + 1 }]);
      last = choose(logits, fold(fold(key, place), tokens.length), tokens);
      if (last === end) break;
      tokens.push(last);
    }
    filled.push(tokens);
  }
  tf.dispose(flatten<tf.Tensor>(cache));
  return filled;
}

/** A token, where it stands, and where within its blank. */
interface Placed {
  readonly token: number;
  readonly place: number;
  readonly block: number;
}

type StepInputs = [
  weights: DecoderWeights,
  cache: KeyValueCache,
  tokens: tf.Tensor,
  row: tf.Scalar,
  starts: tf.Tensor,
  positions: tf.Tensor,
  blockPositions: tf.Tensor,
];
type Step = (...inputs: StepInputs) => Promise<{ readonly logits: tf.Tensor; readonly cache: KeyValueCache }>;

/** The compiled functions of each architecture. */
const compiled = new WeakMap<Decoder, { readonly readText: Step; readonly next: Step }>();

function stepsOf(architecture: Decoder): { readonly readText: Step; readonly next: Step } {
  const stepOf = (bothWays: boolean): Step =>
    compile(
      (...[weights, cache, tokens, row, starts, positions, blockPositions]: StepInputs) =>
        architecture.decode(weights, tokens, row, cache, starts, { bothWays, positions, blockPositions }),
      { name: 'fill' },
    );
  const steps = compiled.get(architecture) ?? { readText: stepOf(true), next: stepOf(false) };
  compiled.set(architecture, steps);
  return steps;
}

function check({ config }: Decoder, text: readonly number[], blanks: readonly number[], maxTokens: number): void {
  const { context, positions } = config;
  const fits = text.length <= context && Number.isInteger(maxTokens) && maxTokens >= 1 && maxTokens < context;
  if (positions === 'learned2d' && blanks.length > 0 && fits) return;
  throw new TrainbookError({
    what:
      positions !== 'learned2d'
        ? 'writeBlanks: this model knows no places within blanks'
        : 'writeBlanks: there is nothing to fill, or no room',
    received: `${positions} positions, ${text.length} tokens, ${blanks.length} of them blanks, maxTokens ${maxTokens}`,
    expected: `learned2d positions, at most ${context} tokens with a blank among them, maxTokens from 1 to ${context - 1}`,
    fix: 'mark each blank by the mask token',
  });
}
