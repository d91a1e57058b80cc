import * as tf from '@tensorflow/tfjs';
import { rotaryTables, rotate } from './rope.js';
import type { RotaryTables } from './rope.js';
import type { Rotary, RotaryScaling } from './rope-scaling.js';

type NtkScaling = Extract<RotaryScaling, { readonly kind: 'ntk' }>;

/**
 * Which positions the tokens of a call have: `time` of them from `start` on, in all sequences; or those of a tensor, int32
 * [batch or 1, time], none of which is `length` or more.
 */
export type Span =
  | { readonly start: number; readonly time: number }
  | {
      readonly places: tf.Tensor;
      /** Places within blanks, for positions that know them. Default: 0, outside of blanks. */
      readonly blocks?: tf.Tensor;
      readonly length: number;
    };

/** How a model knows the order of its tokens. */
export interface Positions<Name extends string = string> {
  readonly shapes: Readonly<Record<Name, readonly number[]>>;
  /** Adds to the embeddings what belongs to each position. [batch, time, width] */
  place(weights: Readonly<Record<Name, tf.Tensor>>, x: tf.Tensor, span: Span): tf.Tensor;
  /** The turn of queries and keys for a span. [batch, heads, time, headSize] */
  rotation(span: Span): (x: tf.Tensor) => tf.Tensor;
}

/** The sizes that positions depend on. */
export interface PositionSizes {
  readonly context: number;
  readonly width: number;
  /** Rows of a learned table before the first token's. Default: 0. */
  readonly firstPosition?: number | undefined;
  readonly rotary: Rotary;
}

/** Queries and keys are turned by angles that grow with the position (`rope.ts`); nothing is learned. */
export function rotaryPositions({ rotary }: PositionSizes): Positions<never> {
  return {
    shapes: {},
    place: (_weights, x) => x,
    rotation: (span) => {
      if ('places' in span && rotary.scaling?.kind === 'ntk') {
        const [cos, sin] = anglesOf(rotary, rotary.scaling, span.places);
        return (x) => rotate(x, cos, sin);
      }
      const tables = rotaryTables(rotary, lengthOf(span));
      const [cos, sin] = [rowsOf(tables, 'cos', span), rowsOf(tables, 'sin', span)];
      return (x) => rotate(x, cos, sin);
    },
  };
}

/** A learned vector for each position is added to the embeddings, as in GPT-2 (Radford 2019); queries and keys stay as they are. */
export function learnedPositions({ context, width, firstPosition = 0 }: PositionSizes): Positions<'weight'> {
  const numRows = firstPosition + context;
  return {
    shapes: { weight: [numRows, width] },
    place: ({ weight }, x, span) => {
      if ('places' in span) {
        const rows = firstPosition === 0 ? span.places : tf.add(span.places, tf.scalar(firstPosition, 'int32'));
        // Beyond the table there are only sequences that have ended, and are read on beside others that have not.
        return tf.add(x, tf.gather(weight, tf.minimum(rows, tf.scalar(numRows - 1, 'int32'))));
      }
      const [start, time] = [firstPosition + span.start, span.time];
      return tf.add(x, start === 0 && time === numRows ? weight : tf.slice(weight, [start, 0], [time, width]));
    },
    rotation: () => (x) => x,
  };
}

/**
 * Two learned vectors are added to the embeddings: of the token's place, and of its place within the blank that it fills, 0 outside of blanks.
 * A token that fills a blank has the blank's place, so that the model does not see how long the blank was: Du 2021, "GLM" (2103.10360),
 * section 2.2.2.
 */
export function learned2dPositions(sizes: PositionSizes): Positions<'weight' | 'block'> {
  const { context, width } = sizes;
  const outer = learnedPositions(sizes);
  return {
    shapes: { ...outer.shapes, block: [context, width] },
    place: ({ weight, block }, x, span) => {
      const placed = outer.place({ weight }, x, span);
      const blocks = 'places' in span ? span.blocks : undefined;
      return tf.add(placed, blocks === undefined ? tf.slice(block, [0, 0], [1, width]) : tf.gather(block, blocks));
    },
    rotation: (span) => outer.rotation(span),
  };
}

/**
 * √width x + sin and cos of the position, by frequency: channel 2i has sin(p / 10000^(2i/width)), channel 2i + 1 the cos. Without the
 * factor the sinusoids, of size 1, drown embeddings that begin small: a model then learns as if it saw no tokens. Vaswani 2017
 * (1706.03762), sections 3.4 and 3.5.
 */
export function sinusoidalPositions({ width }: PositionSizes): Positions<never> {
  return {
    shapes: {},
    place: (_weights, embedded, span) => {
      const x = tf.mul(embedded, Math.sqrt(width));
      const table = tf.tensor2d(sinusoidalTable(lengthOf(span), width), [lengthOf(span), width]);
      if ('places' in span) return tf.add(x, tf.gather(table, span.places));
      return tf.add(x, tf.slice(table, [span.start, 0], [span.time, width]));
    },
    rotation: () => (x) => x,
  };
}

/** The sinusoids of Vaswani 2017 by position and channel: [numPositions, width]. */
export function sinusoidalTable(numPositions: number, width: number): Float32Array {
  return Float32Array.from({ length: numPositions * width }, (_, index) => {
    const [position, channel] = [Math.floor(index / width), index % width];
    const angle = position / 10_000 ** ((channel - (channel % 2)) / width);
    return channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

const lengthOf = (span: Span): number => ('places' in span ? span.length : span.start + span.time);

/**
 * cos and signed sin for frequencies that depend on the length of the sequence, where that is known only when it runs: one more than
 * the highest position. [batch or 1, 1, time, headSize] each; `rope-scaling.ts` has the formula.
 */
function anglesOf(
  { headSize, base }: Rotary,
  scaling: NtkScaling,
  places: tf.Tensor,
): [cos: tf.Tensor, sin: tf.Tensor] {
  const { factor, originalContext } = scaling;
  const length = tf.maximum(tf.add(tf.cast(tf.max(places), 'float32'), 1), originalContext);
  const stretch = tf.sub(tf.mul(length, factor / originalContext), factor - 1);
  const logBase = tf.add(tf.mul(tf.log(stretch), headSize / (headSize - 2)), Math.log(base));
  const exponents = tf.tensor1d(Float32Array.from({ length: headSize / 2 }, (_, pair) => (-2 * pair) / headSize));
  const frequencies = tf.exp(tf.mul(exponents, logBase)); // [headSize / 2]
  const angles = tf.mul(tf.expandDims(tf.cast(places, 'float32'), 2), frequencies); // [batch or 1, time, headSize / 2]
  const [cos, sin] = [tf.cos(angles), tf.sin(angles)];
  return [tf.expandDims(tf.concat([cos, cos], 2), 1), tf.expandDims(tf.concat([tf.neg(sin), sin], 2), 1)];
}

/** The rows of a table for a span: [time, headSize], or [batch or 1, 1, time, headSize]. */
function rowsOf(tables: RotaryTables, which: 'cos' | 'sin', span: Span): tf.Tensor {
  const { numPositions, headSize } = tables;
  const table = tables[which];
  if ('places' in span) {
    const rows = tf.gather(tf.tensor2d(table, [numPositions, headSize]), span.places);
    return tf.expandDims(rows, 1);
  }
  const { start, time } = span;
  return tf.tensor2d(table.subarray(start * headSize, (start + time) * headSize), [time, headSize]);
}
