import * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import { remat } from '../../engine/remat.js';
import { countMatrices, countParameters } from '../cost.js';
import type { ForwardOptions } from '../decoder.js';
import { dropout, nthDropout } from '../dropout.js';
import { embed, separateOutput, tiedOutput } from '../embedding.js';
import type { Output } from '../embedding.js';
import type { Linear } from '../linear.js';
import { layerNorm } from '../norm.js';
import type { NormWeights } from '../norm.js';
import { rotaryPositions } from '../positions.js';
import type { Span } from '../positions.js';
import { drawTree, WeightSpec } from '../weights.js';
import { retentionBlock } from './retention-block.js';
import type { RetentionBlockWeights, RetentionContext } from './retention-block.js';
import { retnetConfig } from './retnet-options.js';
import type { RetNetConfig, RetNetOptions } from './retnet-options.js';
import { chunkwiseRetention, headDecays, parallelRetention, recurrentRetention } from './retention.js';
import type { RetentionState } from './retention.js';

/** A retentive network's weights; `Leaf` is a tensor, a cell, or whatever else stands for a weight. */
export type RetNetWeights<Leaf = tf.Tensor> = {
  readonly embedding: Leaf; // [vocabulary, width]
  readonly layers: readonly RetentionBlockWeights<Leaf>[];
  readonly norm: NormWeights<Leaf>; // [width]
  readonly output: Readonly<Record<string, Leaf>>;
};

/** How a batch is read. */
export type RetNetForwardOptions = Pick<ForwardOptions, 'documents' | 'positions' | 'dropoutKey' | 'recompute'>;

/** What a token costs. FLOPs are floating-point operations: a multiplication and an addition are two. */
export interface RetNetCost {
  /** A forward pass, for each of its tokens, in the form that `forward` takes at this length; training takes three times as many. */
  readonly forwardFlops: number;
  /** One more token after any number of others. */
  readonly decodeFlops: number;
  /** Bytes of all that is remembered, after any number of tokens, in float32. */
  readonly stateBytes: number;
}

/** What `decode` gives. */
export interface RetNetDecoded {
  readonly logits: tf.Tensor2D;
  readonly states: readonly RetentionState[];
}

/** A retentive network: its config, and the functions that follow from it. The weights are values of their own. */
export interface RetNet {
  readonly kind: 'retnet';
  readonly config: RetNetConfig;
  readonly numParameters: number;
  /** Of a forward pass for one token at full context. */
  readonly flopsPerToken: number;
  /** What a token costs in a text of a length. */
  cost(length: number): RetNetCost;
  /** The shape and first distribution of each weight. */
  readonly specs: RetNetWeights<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): RetNetWeights;
  /**
   * Logits [batch, time, vocabulary] of tokens, int32 [batch, time], or of embeddings in their place: in the parallel form up to
   * `config.chunk` tokens, in the chunkwise one beyond.
   */
  forward(weights: RetNetWeights, inputs: tf.Tensor, options?: RetNetForwardOptions): tf.Tensor3D;
  /** The last hidden states, normed: what the logits are made from. [batch, time, width] */
  hidden(weights: RetNetWeights, inputs: tf.Tensor, options?: RetNetForwardOptions): tf.Tensor3D;
  /** Hidden states to logits: [..., width] → [..., vocabulary]. */
  logits(weights: RetNetWeights, hidden: tf.Tensor): tf.Tensor;
  /** What one layer remembers of a sequence: [heads, keySize, valueSize]. */
  readonly stateShape: readonly [heads: number, keySize: number, valueSize: number];
  /**
   * `time` more tokens of each sequence, int32 [batch, time], the first of which is the `row`-th → the logits after the last, [batch,
   * vocabulary], and the layers' states with them: one token in the recurrent form, several in the chunkwise one. From row 0 on nothing is
   * remembered of before. Sequences that are padded on the left begin at rows `starts`, int32 [batch].
   */
  decode(
    weights: RetNetWeights,
    tokens: tf.Tensor,
    row: tf.Scalar,
    states: readonly RetentionState[],
    starts?: tf.Tensor,
  ): RetNetDecoded;
}

/**
 * logits = output(norm(block_L(… block_1(embedding[tokens])))), where blocks have retention in place of attention: what a token takes from
 * one before it fades with the distance, γⁿ⁻ᵐ, and is not weighed against the others. So one sum can stand for all tokens before: a
 * text of any length is written with a memory of one size. Sun 2023 (2307.08621).
 *
 * @throws TrainbookError if the options break a rule, such as heads that do not divide the width.
 * @example
 * const architecture = retnet({ layers: 4, width: 256, heads: 4, context: 1024, vocabularySize: 4096 });
 * const weights = architecture.init(key(42));
 * const logits = architecture.forward(weights, tokens); // [batch, time, 4096]
 */
export function retnet(options: RetNetOptions & { readonly vocabularySize: number }): RetNet {
  const config = retnetConfig(options);
  const { heads, width, valueSize, context, rotaryBase, chunk, layers, vocabularySize } = config;
  const norm = layerNorm(config.normEpsilon);
  const output: Output = config.tiedEmbeddings ? tiedOutput : separateOutput;
  const keySize = width / heads;
  const decays = headDecays(heads);
  const positions = rotaryPositions({ context, width, rotary: { headSize: keySize, base: rotaryBase } });
  const specs = retnetSpecs(config);
  const perState = 4 * heads * keySize * valueSize; // kᵀ v, and q S
  /** FLOPs of a token's retention, in a text of so many: all pairs at once, or chunks, if these are less. */
  const retentionFlops = (length: number): { readonly inChunks: boolean; readonly flops: number } => {
    const pairs = 2 * heads * length * (keySize + valueSize);
    const between = perState + (2 * heads * Math.ceil(length / chunk) * keySize * valueSize) / chunk;
    const chunks = 2 * heads * chunk * (keySize + valueSize) + between;
    return { inChunks: chunks < pairs, flops: Math.min(chunks, pairs) };
  };

  const hidden: RetNet['hidden'] = (weights, inputs, reading = {}) => {
    const { documents, dropoutKey, recompute = false } = reading;
    const time = inputs.shape[1] as number;
    const span: Span =
      reading.positions === undefined ? { start: 0, time } : { places: reading.positions, length: context };
    const rotate = positions.rotation(span);
    const left = dropoutKey && { rate: config.dropout, key: dropoutKey };
    const { inChunks } = retentionFlops(time);
    const retain: RetentionContext['retain'] = (given) =>
      inChunks
        ? chunkwiseRetention(given, decays, { chunk, documents })
        : { outputs: parallelRetention(given, decays, documents) };
    const embedded = inputs.rank === 3 ? inputs : embed(weights.embedding, inputs);
    const states = weights.layers.reduce(
      (x, layer, index) => {
        const run = (own: RetentionBlockWeights, given: tf.Tensor): tf.Tensor =>
          retentionBlock(config, own, given, { rotate, retain, dropout: nthDropout(left, index + 1) });
        return (recompute ? remat(run) : run)(layer, x);
      },
      dropout(embedded, nthDropout(left, 0)),
    );
    return norm(weights.norm, states) as tf.Tensor3D;
  };
  const logits: RetNet['logits'] = (weights, states) => output.logits(weights.output, weights.embedding, states);
  const cost = (length: number): RetNetCost => {
    const matrices = 2 * (countMatrices(specs) - (config.tiedEmbeddings ? 0 : vocabularySize * width));
    return {
      forwardFlops: matrices + layers * retentionFlops(length).flops,
      decodeFlops: matrices + layers * perState,
      stateBytes: 4 * layers * heads * keySize * valueSize,
    };
  };
  return {
    kind: 'retnet',
    config,
    numParameters: countParameters(specs),
    flopsPerToken: cost(context).forwardFlops,
    cost,
    specs,
    init: (key) => drawTree(specs, key) as unknown as RetNetWeights,
    hidden,
    logits,
    forward: (weights, inputs, reading) => logits(weights, hidden(weights, inputs, reading)) as tf.Tensor3D,
    stateShape: [heads, keySize, valueSize],
    decode: (weights, tokens, row, before, starts) => {
      const [batch, time] = tokens.shape as [number, number];
      const rows = tf.reshape(tf.add(tf.range(0, time, 1, 'int32'), row), [1, time]);
      const first = starts === undefined ? tf.zeros([1, 1], 'int32') : tf.reshape(starts, [-1, 1]);
      const places = tf.maximum(tf.sub(rows, first), tf.scalar(0, 'int32')); // [batch or 1, time]
      const rotate = positions.rotation({ places, length: context });
      const real = tf.cast(tf.greaterEqual(rows, first), 'float32'); // padding is not remembered
      const begun = tf.cast(tf.greater(row, tf.scalar(0, 'int32')), 'float32');
      const states: RetentionState[] = [];
      const x = weights.layers.reduce(
        (given: tf.Tensor, layer, index) => {
          const state = tf.mul(before[index] as tf.Tensor, begun);
          const retain: RetentionContext['retain'] = ({ queries, keys, values }) => {
            const inputs = { queries, keys: tf.mul(keys, tf.reshape(real, [-1, 1, time, 1])), values };
            const retained =
              time === 1
                ? recurrentRetention(inputs, decays, state)
                : chunkwiseRetention(inputs, decays, { chunk, before: state });
            states.push(retained.state);
            return retained;
          };
          return retentionBlock(config, layer, given, { rotate, retain });
        },
        embed(weights.embedding, tokens),
      );
      const last = tf.reshape(tf.slice(x, [0, time - 1, 0], [batch, 1, width]), [batch, width]);
      return { logits: logits(weights, norm(weights.norm, last)) as tf.Tensor2D, states };
    },
  };
}

/**
 * The shape and first distribution of each weight: matrices from N(0, deviation²), gains 1. The two matrices of a block that end in the
 * residual stream are drawn smaller by √(2 layers), as in `decoderSpecs`. There are no biases.
 */
function retnetSpecs(config: RetNetConfig): RetNetWeights<WeightSpec> {
  const { layers, width, heads, valueSize, hidden, vocabularySize, initDeviation, tiedEmbeddings } = config;
  const matrix = (inputs: number, outputs: number, deviation = initDeviation): Linear<WeightSpec> => ({
    weight: new WeightSpec([inputs, outputs], deviation),
  });
  const ending = initDeviation / Math.sqrt(2 * layers);
  const gain = (): NormWeights<WeightSpec> => ({ weight: new WeightSpec([width], 'ones') });
  const values = heads * valueSize;
  const table = new WeightSpec([vocabularySize, width], initDeviation);
  return {
    embedding: table,
    layers: Array.from({ length: layers }, () => ({
      retentionNorm: gain(),
      retention: {
        query: matrix(width, width),
        key: matrix(width, width),
        value: matrix(width, values),
        gate: matrix(width, values),
        output: matrix(values, width, ending),
      },
      mlpNorm: gain(),
      mlp: { up: matrix(width, hidden), down: matrix(hidden, width, ending) },
    })),
    norm: gain(),
    output: tiedEmbeddings ? {} : { weight: table },
  };
}
