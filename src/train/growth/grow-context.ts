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
    const table = weights.positions['weight'];
    const { firstPosition = 0 } = config;
    const longer = (rows: tf.Tensor): tf.Tensor => repeatRows(rows, firstPosition, context);
    return {
      architecture: decoder({ ...config, context }),
      weights: table === undefined ? weights : { ...weights, positions: { weight: longer(table) } },
      state: (path, before) => {
        const kept = before(path);
        const grows = path === 'positions.weight' && kept?.shape[0] === firstPosition + config.context;
        return grows ? longer(kept) : kept;
      },
    };
  };
}

/** The first rows, and `numRows` after them: of these row r is row r mod n of the n there are. */
function repeatRows(table: tf.Tensor, first: number, numRows: number): tf.Tensor {
  const rows = (table.shape[0] ?? 1) - first;
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
