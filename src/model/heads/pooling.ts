import * as tf from '@tensorflow/tfjs';

/**
 * One vector for each sequence: states [batch, time, width] → [batch, width]. `mask`, int32 [batch, time], is 1 for the tokens of a
 * text and 0 for padding, on either side; without it all are the text's.
 */
export type Pooling = (states: tf.Tensor, mask?: tf.Tensor) => tf.Tensor;

/**
 * The state of the first token of each text, such as [CLS], which BERT's heads read: Devlin 2018 (1810.04805).
 *
 * @example
 * firstToken(states, mask); // [batch, width]
 */
export const firstToken: Pooling = (states, mask) => {
  const [batch, time, width] = states.shape as [number, number, number];
  if (mask === undefined) return tf.reshape(tf.slice(states, [0, 0, 0], [batch, 1, width]), [batch, width]);
  return highest(states, mask, tf.range(time, 0, -1, 'int32'));
};

/**
 * The state of the last token of each text: in a decoder the only one that has seen all of it.
 *
 * @example
 * lastToken(architecture.hidden(weights, tokens, { documents: mask }), mask);
 */
export const lastToken: Pooling = (states, mask) => {
  const [batch, time, width] = states.shape as [number, number, number];
  if (mask === undefined) return tf.reshape(tf.slice(states, [0, time - 1, 0], [batch, 1, width]), [batch, width]);
  return highest(states, mask, tf.range(1, time + 1, 1, 'int32'));
};

/**
 * Σ mask · state / Σ mask: the mean over the tokens of each text. Reimers and Gurevych 2019, "Sentence-BERT" (1908.10084).
 *
 * @example
 * meanOfTokens(states, mask);
 */
export const meanOfTokens: Pooling = (states, mask) => {
  if (mask === undefined) return tf.mean(states, 1);
  const counted = tf.expandDims(tf.cast(mask, 'float32'), 2); // [batch, time, 1]
  return tf.div(tf.sum(tf.mul(states, counted), 1), tf.maximum(tf.sum(counted, 1), 1));
};

/** The poolings by the name that configs have for them. */
export const poolings = { firstToken, lastToken, meanOfTokens } as const satisfies Record<string, Pooling>;

/** The name of a pooling, unless it is one of the user's own. */
export function poolingName(pooling: Pooling): keyof typeof poolings | undefined {
  const names = Object.keys(poolings) as (keyof typeof poolings)[];
  return names.find((name) => poolings[name] === pooling);
}

/** The state of the text's token that has the highest rank. `ranks` are positive: [time] */
function highest(states: tf.Tensor, mask: tf.Tensor, ranks: tf.Tensor): tf.Tensor {
  const [, time] = mask.shape as [number, number];
  const place = tf.argMax(tf.mul(tf.cast(mask, 'int32'), ranks), 1); // [batch]
  const chosen = tf.oneHot(tf.cast(place, 'int32'), time, 1, 0, 'float32'); // [batch, time]
  return tf.sum(tf.mul(states, tf.expandDims(chosen, 2)), 1);
}
