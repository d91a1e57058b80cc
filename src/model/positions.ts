import * as tf from '@tensorflow/tfjs';
import { rotaryTables, rotate } from './rope.js';

/** Which positions a call sees: the first `time` of the sequence, or the one at a position that is known when it runs. */
export type Span = { readonly time: number } | { readonly position: tf.Scalar };

/** How a model knows the order of its tokens. */
export interface Positions<Weights extends Readonly<Record<string, tf.Tensor>> = Readonly<Record<string, tf.Tensor>>> {
  readonly shapes: { readonly [Name in keyof Weights]: readonly number[] };
  /** Adds to the embeddings what belongs to each position. [batch, time, width] */
  place(weights: Weights, x: tf.Tensor, span: Span): tf.Tensor;
  /** The turn of queries and keys for a span. [..., time, headSize] */
  rotation(span: Span): (x: tf.Tensor) => tf.Tensor;
}

/** The sizes that positions depend on. */
export interface PositionSizes {
  readonly context: number;
  readonly width: number;
  readonly headSize: number;
  readonly rotaryBase: number;
}

/** Queries and keys are turned by angles that grow with the position (`rope.ts`); nothing is learned. */
export function rotaryPositions(sizes: PositionSizes): Positions<Readonly<Record<string, never>>> {
  const { context, headSize, rotaryBase } = sizes;
  const tables = rotaryTables({ numPositions: context, headSize, base: rotaryBase });
  return {
    shapes: {},
    place: (_weights, x) => x,
    rotation: (span) => {
      const cos = rowsOf(tables.cos, headSize, span);
      const sin = rowsOf(tables.sin, headSize, span);
      return (x) => rotate(x, cos, sin);
    },
  };
}

/** A learned vector for each position is added to the embeddings, as in GPT-2 (Radford 2019); queries and keys stay as they are. */
export function learnedPositions({ context, width }: PositionSizes): Positions<{ readonly weight: tf.Tensor }> {
  return {
    shapes: { weight: [context, width] },
    place: ({ weight }, x, span) => {
      if ('position' in span) return tf.add(x, tf.gather(weight, tf.reshape(span.position, [1])));
      return tf.add(x, span.time === context ? weight : tf.slice(weight, [0, 0], [span.time, width]));
    },
    rotation: () => (x) => x,
  };
}

function rowsOf(table: Float32Array, columns: number, span: Span): tf.Tensor {
  if ('time' in span) return tf.tensor2d(table.subarray(0, span.time * columns), [span.time, columns]);
  const whole = tf.tensor2d(table, [table.length / columns, columns]);
  return tf.gather(whole, tf.reshape(span.position, [1]));
}
