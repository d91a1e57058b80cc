import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../../../tokens/loader.js';
import type { MaskedBatch } from '../../../tokens/masked-loader.js';
import type { RowTensors } from '../../loss.js';
import { maskedTensors } from '../masked-language-modelling.js';
import type { MaskedTensors } from '../masked-language-modelling.js';
import type { CountedTokens, TokenPredictorOptions } from '../token-predictor.js';
import { tokenTensors } from '../token-tensors.js';
import type { TokenTensors } from '../token-tensors.js';

/** Rows that teacher and student read alike. */
export interface StudentBatch extends Batch {
  /**
   * How much the data's own token counts in the cross-entropy, where there is one: 0 where the student wrote it. Default: as the rest, `weights`.
   */
  readonly dataWeights?: Float32Array; // [batchSize, context]
}

/** A batch as it is read, and what counts of it. */
export type ReadRows = CountedTokens &
  TokenPredictorOptions & {
    readonly inputs: tf.Tensor; // int32 [batch, time]
    /** Of the data's own tokens, in the cross-entropy. */
    readonly dataWeights: tf.Tensor; // float32 [batch, time]
    /** Of places, where not predictions but states are compared. */
    readonly places: tf.Tensor; // float32 [batch, time]
  };

/** How batches of a kind become tensors, and how these are read. */
export interface StudentRows<B> {
  size(batch: B): number;
  tensors(batch: B): RowTensors;
  read(tensors: RowTensors): ReadRows;
}

/** Rows of text of which the next tokens are predicted, as decoders read them. */
export const nextTokens: StudentRows<StudentBatch> = {
  size: ({ batchSize, context }) => batchSize * context,
  tensors: (batch) => ({
    ...tokenTensors(batch),
    ...(batch.dataWeights && {
      dataWeights: tf.tensor2d(batch.dataWeights, [batch.batchSize, batch.context]),
    }),
  }),
  read: (tensors) => {
    const rows = tensors as TokenTensors & { readonly dataWeights?: tf.Tensor };
    return { ...rows, dataWeights: rows.dataWeights ?? rows.weights, places: rows.weights };
  },
};

/** Texts of which masked tokens are predicted, as encoders read them; states are compared at all their tokens. */
export const maskedTokens: StudentRows<MaskedBatch> = {
  size: ({ batchSize, context }) => batchSize * context,
  tensors: maskedTensors,
  read: (tensors) => {
    const { mask, ...rows } = tensors as MaskedTensors;
    return { ...rows, documents: mask, dataWeights: rows.weights, places: tf.cast(mask, 'float32') };
  },
};
