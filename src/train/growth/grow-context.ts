import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { decoder } from '../../model/decoder.js';
import type { Decoder } from '../../model/decoder.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { Grow } from './growth.js';

/**
 * The same decoder with a longer context; on sequences as long as before it is the same function. Rotary and sinusoidal positions have
 * no weights. A table of learned positions is repeated: position p begins as p mod the context before, Beltagy 2020, "Longformer"
 * (2004.05150), section 5; what the optimizer keeps for it is repeated alike.
 *
 * Training on short sequences first: Press 2020, "Shortformer" (2012.15832); Li 2021, "The Stability-Efficiency Dilemma" (2108.06084).
 *
 * @throws TrainbookError if the context is not longer.
 * @example
 * const { architecture, weights } = growContext(256)(model);
 */
export function growContext(context: number): Grow<Decoder, DecoderWeights> {
  return ({ architecture, weights }) => {
    const { config } = architecture;
    if (!Number.isInteger(context) || context <= config.context) {
      throw new TrainbookError({
        what: 'growContext: the context must become longer',
        received: context,
        expected: `an integer above ${config.context}`,
      });
    }
    const { firstPosition = 0 } = config;
    /** Rows at the beginning of a table that no place has: of places within blanks, that of tokens outside of them. */
    const firstRows: Readonly<Record<string, number>> = { weight: firstPosition, block: 1 };
    const longer = (name: string, table: tf.Tensor): tf.Tensor => {
      const first = firstRows[name] ?? 0;
      const [numRows] = table.shape as [number, number];
      return repeatRows(table, first, numRows + context - config.context - first);
    };
    return {
      architecture: decoder({ ...config, context }),
      weights: {
        ...weights,
        positions: Object.fromEntries(
          Object.entries(weights.positions).map(([name, table]) => [name, longer(name, table)]),
        ),
      },
      state: (path, before) => {
        const kept = before(path);
        const [, name] = /^positions\.(\w+)$/.exec(path) ?? [];
        const rows = name === undefined ? undefined : weights.positions[name]?.shape[0];
        return name !== undefined && kept !== undefined && kept.shape[0] === rows ? longer(name, kept) : kept;
      },
    };
  };
}

/** The first rows, and `numRows` after them: of these row r is row r mod n of the n there are. */
function repeatRows(table: tf.Tensor, first: number, numRows: number): tf.Tensor {
  const [all] = table.shape as [number, number];
  const rows = all - first;
  return tf.tidy(() =>
    tf.gather(
      table,
      tf.tensor1d(
        Array.from({ length: first + numRows }, (_, row) => (row < first ? row : first + ((row - first) % rows))),
        'int32',
      ),
    ),
  );
}
