import * as tf from '@tensorflow/tfjs';
import type { Key } from '../engine/key.js';
import type { RandomKey } from '../engine/random.js';
import { remat } from '../engine/remat.js';
import { TrainbookError } from '../error.js';
import { attentionInputs, plainAttention, unturned } from './attention.js';
import { postNormBlock } from './block.js';
import type { BlockParts, BlockWeights } from './block.js';
import { countMatrices, countParameters, encoderCost } from './cost.js';
import type { ForwardCost } from './cost.js';
import type { LayerAttention } from './decoder.js';
import { dropout, nthDropout } from './dropout.js';
import { embed } from './embedding.js';
import { encoderConfig } from './encoder-options.js';
import type { EncoderConfig, EncoderOptions } from './encoder-options.js';
import { encoderSpecs } from './encoder-specs.js';
import type { EncoderWeights } from './encoder-specs.js';
import { mixing } from './mixing.js';
import type { Mixing, Visibility } from './mixing.js';
import { mlps } from './mlp.js';
import { layerNorm } from './norm.js';
import { drawTree } from './weights.js';
import type { WeightSpec } from './weights.js';

/** How a batch is read, where it is more than rows of tokens of one text each. */
export interface EncoderForwardOptions {
  /**
   * int32 [batch, time]: tokens see those of their own document, which has a number. Padding is a document of its own: the mask
   * of `pad`, 1 for text and 0 for padding, is a numbering too.
   */
  readonly documents?: tf.Tensor | undefined;
  /** int32 [batch, time]: the kind of each token. Default: 0. */
  readonly types?: tf.Tensor | undefined;
  /** int32 [batch, time], from 0 on, each below the context. Default: the place of each token among those of its document. */
  readonly positions?: tf.Tensor | undefined;
  /** Leaves elements out as the config's `dropout` says: for training. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
  /** How attention is computed. Default: `mixing`, with all scores at once. */
  readonly attention?: ((visibility: Visibility) => Mixing) | undefined;
  /** Whether each block is computed again in the backward pass, in place of keeping what is inside it: see `remat`. */
  readonly recompute?: boolean | undefined;
}

/**
 * A bidirectional transformer: its config, and the functions that follow from it. The weights are values of their own, and so are
 * the heads that make something of its hidden states (`heads/`).
 */
export interface Encoder {
  readonly kind: 'encoder';
  readonly config: EncoderConfig;
  readonly numParameters: number;
  /** Floating-point operations of a forward pass for one token at full context; training takes three times as many. */
  readonly flopsPerToken: number;
  /** What a token costs in sequences of a length. */
  cost(length: number): ForwardCost;
  /** The shape and first distribution of each weight. */
  readonly specs: EncoderWeights<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): EncoderWeights;
  /**
   * The last hidden states, [batch, time, width], of tokens, int32 [batch, time], or of embeddings in their place, float32
   * [batch, time, width]; time is at most the context.
   */
  forward(weights: EncoderWeights, inputs: tf.Tensor, options?: EncoderForwardOptions): tf.Tensor3D;
  /** All hidden states: the embeddings, normed, and what each block makes of them. layers + 1 times [batch, time, width] */
  hiddenStates(weights: EncoderWeights, inputs: tf.Tensor, options?: EncoderForwardOptions): readonly tf.Tensor3D[];
  /** What the attention of a layer sees of the states that its block is given, and which keys its queries see. */
  attentionInputs(
    weights: EncoderWeights,
    layer: number,
    states: tf.Tensor,
    options?: EncoderForwardOptions,
  ): LayerAttention;
}

/**
 * h₀ = norm(word[token] + position[place] + type[kind]), hᵢ = blockᵢ(hᵢ₋₁), each token seeing all others of its text: a BERT unless
 * the options say otherwise. Devlin 2018, "BERT" (1810.04805). `bert.ts` and `roberta.ts` say which options make a published model.
 *
 * @throws TrainbookError if the options break a rule, such as heads that do not divide the width.
 * @example
 * const architecture = encoder({ layers: 4, width: 256, heads: 4, context: 128, vocabularySize: 8192 });
 * const weights = architecture.init(key(42));
 * const states = architecture.forward(weights, tokens, { documents: mask }); // [batch, time, 256]
 */
export function encoder(options: EncoderOptions & { readonly vocabularySize: number }): Encoder {
  const config = encoderConfig(options);
  const norm = layerNorm(config.normEpsilon);
  const headSize = config.width / config.heads;
  const parts: BlockParts = {
    heads: { heads: config.heads, keyValueHeads: config.heads, headSize, norm },
    norm,
    mlp: mlps[config.mlp],
  };
  const specs = encoderSpecs(config, parts);
  const cost = (length: number): ForwardCost => encoderCost(config, countMatrices(specs.layers), length);
  const hiddenStates: Encoder['hiddenStates'] = (weights, inputs, reading = {}) => {
    const { documents, dropoutKey, attention = mixing, recompute = false } = reading;
    const left = dropoutKey && { rate: config.dropout, key: dropoutKey };
    const summed = embedAll(config, weights, inputs, reading);
    const states = [dropout(norm(weights.embeddingNorm, summed), nthDropout(left, 0))];
    const mix = attention({ causal: false, documents });
    weights.layers.forEach((block, layer) => {
      const own = nthDropout(left, layer + 1);
      const context = {
        dropout: nthDropout(own, 0),
        attention: plainAttention(mix, nthDropout(own, 1)),
      };
      const run = (own: BlockWeights, given: tf.Tensor): tf.Tensor => postNormBlock(parts, own, given, context);
      states.push((recompute ? remat(run) : run)(block, states[layer] as tf.Tensor));
    });
    return states as tf.Tensor3D[];
  };
  return {
    kind: 'encoder',
    config,
    numParameters: countParameters(specs),
    flopsPerToken: cost(config.context).forwardFlops,
    cost,
    specs,
    init: (key) => drawTree(specs, key) as unknown as EncoderWeights,
    hiddenStates,
    attentionInputs: (weights, layer, states, { documents } = {}) => {
      const block = weights.layers[layer];
      if (block === undefined) {
        throw new TrainbookError({
          what: 'encoder: there is no such layer',
          received: layer,
          expected: `an integer from 0 to ${weights.layers.length - 1}`,
        });
      }
      return {
        ...attentionInputs(parts.heads, block.attention, states, unturned),
        visibility: { causal: false, documents },
      };
    },
    forward: (weights, inputs, reading) => hiddenStates(weights, inputs, reading).at(-1) as tf.Tensor3D,
  };
}

/** word[token] + position[place] + type[kind]: [batch, time, width] */
function embedAll(
  { context, firstPosition, width }: EncoderConfig,
  weights: EncoderWeights,
  inputs: tf.Tensor,
  { documents, types, positions }: EncoderForwardOptions,
): tf.Tensor {
  const time = inputs.shape[1] ?? 0;
  if (time > context) {
    throw new TrainbookError({
      what: 'encoder: the sequences are longer than the context',
      received: `${time} tokens`,
      expected: `at most ${context}`,
      fix: 'cut the texts, or make an encoder with a longer context',
    });
  }
  const words = inputs.rank === 3 ? inputs : embed(weights.embedding, inputs);
  const places = positions ?? (documents && placesInDocuments(documents));
  const placed = tf.add(
    words,
    places === undefined
      ? tf.slice(weights.positions, [firstPosition, 0], [time, width])
      : embed(weights.positions, tf.add(places, tf.scalar(firstPosition, 'int32'))),
  );
  if (weights.types === undefined) return placed;
  return tf.add(
    placed,
    types === undefined ? tf.slice(weights.types, [0, 0], [1, width]) : embed(weights.types, types),
  );
}

/** How many tokens of its own document stand before each token: int32 [batch, time] → the same. */
function placesInDocuments(documents: tf.Tensor): tf.Tensor {
  const [, time] = documents.shape as [number, number];
  const order = tf.range(0, time, 1, 'int32');
  const before = tf.less(tf.expandDims(order, 0), tf.expandDims(order, 1)); // [time, time], the key's place first
  const same = tf.equal(tf.expandDims(documents, 2), tf.expandDims(documents, 1)); // [batch, time, time]
  return tf.sum(tf.cast(tf.logicalAnd(same, tf.expandDims(before, 0)), 'int32'), 2);
}
