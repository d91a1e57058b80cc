import * as tf from '@tensorflow/tfjs';

// Legend: size = keySize or valueSize; γ one number a head; n and m positions; B tokens of a chunk; `chunks` · B = time, filled up.

/** What a retention compares and takes the sum of, as heads; queries and keys are turned by their positions, and scaled. */
export interface RetentionInputs {
  readonly queries: tf.Tensor; // [batch, heads, time, keySize]
  readonly keys: tf.Tensor; // [batch, heads, time, keySize]
  readonly values: tf.Tensor; // [batch, heads, time, valueSize]
}

/** What each head remembers: Σₘ γⁿ⁻ᵐ kₘᵀ vₘ over all tokens m up to the last one n. [batch, heads, keySize, valueSize] */
export type RetentionState = tf.Tensor;

/** What a retention gives. */
export interface Retained {
  readonly outputs: tf.Tensor; // [batch, heads, time, valueSize]
  readonly state: RetentionState;
}

/**
 * γₕ = 1 − 2^(−5 − h) for each head: the first one forgets half in 22 tokens, each further one in twice as many.
 * Sun 2023, "Retentive Network" (2307.08621), section 2.2.
 */
export function headDecays(heads: number): readonly number[] {
  return Array.from({ length: heads }, (_, head) => 1 - 2 ** (-5 - head));
}

/**
 * The parallel form, for training: (Q Kᵀ ⊙ D) V with D = γⁿ⁻ᵐ where m ≤ n, else 0. All scores are there at once: [batch, heads, time, time].
 *
 * @param documents int32 [batch, time]: tokens retain those of their own document, which has a number.
 * @example
 * parallelRetention({ queries, keys, values }, headDecays(4));
 */
export function parallelRetention(
  { queries, keys, values }: RetentionInputs,
  decays: readonly number[],
  documents?: tf.Tensor,
): tf.Tensor {
  const time = queries.shape[2] as number;
  const scores = tf.mul(tf.matMul(queries, keys, false, true), decayMask(decays, time));
  if (documents === undefined) return tf.matMul(scores, values);
  const same = tf.equal(tf.expandDims(documents, 2), tf.expandDims(documents, 1)); // [batch, time, time]
  return tf.matMul(tf.mul(scores, tf.cast(tf.expandDims(same, 1), 'float32')), values);
}

/**
 * The recurrent form, for writing: S ← γ S + kᵀ v, then q S. One token costs the same after ten as after ten thousand.
 *
 * @param inputs Of one token: time is 1.
 * @example
 * const { outputs, state: after } = recurrentRetention({ queries, keys, values }, headDecays(4), state);
 */
export function recurrentRetention(
  { queries, keys, values }: RetentionInputs,
  decays: readonly number[],
  before: RetentionState,
): Retained {
  const state = tf.add(tf.mul(before, perHead(decays, 4)), tf.matMul(keys, values, true));
  return { outputs: tf.matMul(queries, state), state };
}

export interface ChunkwiseOptions {
  /** B: tokens of a chunk. */
  readonly chunk: number;
  /** int32 [batch, time]: tokens retain those of their own document, which has a number; those of a document stand together. */
  readonly documents?: tf.Tensor | undefined;
  /** What the tokens before have left. Default: nothing. */
  readonly before?: RetentionState | undefined;
}

/**
 * The chunkwise form, for long texts: within a chunk the parallel form; between chunks the recurrent one, with a state for each chunk,
 *
 * outputs of chunk i = (Q Kᵀ ⊙ D) V + γ^(1 … B) ⊙ (Q Rᵢ), with Rᵢ = Σ_{j < i} γ^(B (i − 1 − j)) Sⱼ and Sⱼ = Kᵀ (V ⊙ γ^(B−1 … 0)).
 *
 * Time and memory are linear in the length, but for the sum over j, which is one small triangular product: no loop is needed up to
 * some hundred thousand tokens.
 *
 * @example
 * const { outputs } = chunkwiseRetention({ queries, keys, values }, headDecays(4), { chunk: 128 });
 */
export function chunkwiseRetention(
  inputs: RetentionInputs,
  decays: readonly number[],
  { chunk: wanted, documents, before }: ChunkwiseOptions,
): Retained {
  const [batch, heads, time, keySize] = inputs.queries.shape as [number, number, number, number];
  const valueSize = inputs.values.shape[3] as number;
  const chunk = Math.min(wanted, time);
  const chunks = Math.ceil(time / chunk);
  const filling = chunks * chunk - time;
  const cut = (x: tf.Tensor, size: number): tf.Tensor =>
    tf.reshape(fill(x, filling, 2), [batch, heads, chunks, chunk, size]);
  const [q, k, v] = [cut(inputs.queries, keySize), cut(inputs.keys, keySize), cut(inputs.values, valueSize)] as const;
  const masks = documents && documentMasks(tf.reshape(fill(documents, filling, 1), [batch, chunks, chunk]));

  // Within chunks. [batch, heads, chunks, B, B]
  const decayed = tf.mul(tf.matMul(q, k, false, true), tf.expandDims(decayMask(decays, chunk), 1));
  const within = tf.matMul(masks ? tf.mul(decayed, masks.within) : decayed, v);

  // What each chunk leaves at its end. [batch, heads, chunks, keySize, valueSize]
  const toEnd = powers(decays, chunk, (place) => chunk - 1 - place); // [heads, 1, B, 1]
  const left = tf.matMul(k, tf.mul(masks ? tf.mul(v, masks.ofLast) : v, toEnd), true);

  // What is there before each chunk, and after all of them. [batch, heads, chunks + 1, keySize, valueSize]
  const carried = betweenChunks(decays, chunk, chunks); // [heads, chunks + 1, chunks]
  const summed = tf.matMul(
    masks ? tf.mul(carried, masks.carried) : tf.broadcastTo(tf.expandDims(carried, 0), [batch, ...carried.shape]),
    tf.reshape(left, [batch, heads, chunks, keySize * valueSize]),
  );
  const own = tf.reshape(summed, [batch, heads, chunks + 1, keySize, valueSize]);
  const states =
    before === undefined
      ? own
      : tf.add(
          own,
          tf.mul(
            tf.expandDims(before, 2),
            powers(decays, chunks + 1, (number) => number * chunk, 2),
          ),
        );

  const fromStart = powers(decays, chunk, (place) => place + 1);
  const starts = tf.slice(states, [0, 0, 0, 0, 0], [batch, heads, chunks, keySize, valueSize]);
  const across = tf.mul(tf.matMul(q, starts), masks ? tf.mul(masks.ofFirst, fromStart) : fromStart);
  const outputs = tf.reshape(tf.add(within, across), [batch, heads, chunks * chunk, valueSize]);
  const last = tf.reshape(tf.slice(states, [0, 0, chunks, 0, 0], [batch, heads, 1, keySize, valueSize]), [
    batch,
    heads,
    keySize,
    valueSize,
  ]);
  return {
    outputs: filling === 0 ? outputs : tf.slice(outputs, [0, 0, 0, 0], [batch, heads, time, valueSize]),
    // What fills up the last chunk adds nothing, but time goes by.
    state:
      filling === 0
        ? last
        : tf.mul(
            last,
            perHead(
              decays.map((decay) => decay ** -filling),
              4,
            ),
          ),
  };
}

/** γⁿ⁻ᵐ where m ≤ n, else 0: [heads, time, time]. */
function decayMask(decays: readonly number[], time: number): tf.Tensor {
  const places = tf.range(0, time);
  const since = tf.sub(tf.expandDims(places, 1), tf.expandDims(places, 0)); // n − m
  const decayed = tf.exp(tf.mul(tf.maximum(since, 0), perHead(decays.map(Math.log), 3)));
  return tf.mul(decayed, tf.cast(tf.greaterEqual(since, 0), 'float32'));
}

/** γ^(B (i − 1 − j)) for chunk j before chunk i, else 0: [heads, chunks + 1, chunks]. */
function betweenChunks(decays: readonly number[], chunk: number, chunks: number): tf.Tensor {
  const since = tf.sub(tf.expandDims(tf.range(-1, chunks), 1), tf.expandDims(tf.range(0, chunks), 0)); // i − 1 − j
  const decayed = tf.exp(
    tf.mul(
      tf.maximum(since, 0),
      perHead(
        decays.map((decay) => chunk * Math.log(decay)),
        3,
      ),
    ),
  );
  return tf.mul(decayed, tf.cast(tf.greaterEqual(since, 0), 'float32'));
}

/** γ^exponent(place) for each place: [heads, 1, places, 1]; or [heads, places, 1, 1] with two axes after them. */
function powers(
  decays: readonly number[],
  places: number,
  exponent: (place: number) => number,
  axesAfter: 1 | 2 = 1,
): tf.Tensor {
  const numbers = Float32Array.from({ length: decays.length * places }, (_, index) => {
    const decay = decays[Math.floor(index / places)] ?? NaN;
    return decay ** exponent(index % places);
  });
  return tf.tensor4d(numbers, axesAfter === 1 ? [decays.length, 1, places, 1] : [decays.length, places, 1, 1]);
}

/** One number a head, to be multiplied with a tensor of so many axes whose heads are the axis before all others but the batch. */
function perHead(numbers: readonly number[], rank: 3 | 4): tf.Tensor {
  return tf.reshape(tf.tensor1d([...numbers]), rank === 3 ? [-1, 1, 1] : [1, -1, 1, 1]);
}

function fill(x: tf.Tensor, filling: number, axis: number): tf.Tensor {
  if (filling === 0) return x;
  return tf.pad(
    x,
    x.shape.map((_, index): [number, number] => [0, index === axis ? filling : 0]),
  );
}

interface DocumentMasks {
  readonly within: tf.Tensor; // [batch, 1, chunks, B, B]
  /** Tokens of the document that a chunk ends with. [batch, 1, chunks, B, 1] */
  readonly ofLast: tf.Tensor;
  /** Tokens of the document that a chunk begins with. [batch, 1, chunks, B, 1] */
  readonly ofFirst: tf.Tensor;
  /** Whether chunk j ends with the document that chunk i begins with; the last i is after all chunks. [batch, 1, chunks + 1, chunks] */
  readonly carried: tf.Tensor;
}

/**
 * 1 where tokens are of one document. Since its tokens stand together, a document that is in chunk j and in a later chunk i is the last of j
 * and the first of i.
 */
function documentMasks(documents: tf.Tensor): DocumentMasks {
  const [batch, chunks, chunk] = documents.shape as [number, number, number];
  const same = (one: tf.Tensor, other: tf.Tensor): tf.Tensor =>
    tf.expandDims(tf.cast(tf.equal(one, other), 'float32'), 1);
  const first = tf.slice(documents, [0, 0, 0], [batch, chunks, 1]);
  const last = tf.slice(documents, [0, 0, chunk - 1], [batch, chunks, 1]);
  const ends = tf.slice(last, [0, chunks - 1, 0], [batch, 1, 1]);
  return {
    within: same(tf.expandDims(documents, 3), tf.expandDims(documents, 2)),
    ofLast: same(tf.expandDims(documents, 3), tf.expandDims(last, 3)),
    ofFirst: same(tf.expandDims(documents, 3), tf.expandDims(first, 3)),
    carried: same(tf.concat([first, ends], 1), tf.reshape(last, [batch, 1, chunks])),
  };
}
