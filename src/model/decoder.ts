import * as tf from '@tensorflow/tfjs';
import type { Key } from '../engine/key.js';
import type { RandomKey } from '../engine/random.js';
import { remat } from '../engine/remat.js';
import { TrainbookError } from '../error.js';
import { attentionInputs } from './attention.js';
import type { AttentionContext, AttentionInputs } from './attention.js';
import { preNormBlock } from './block.js';
import type { BlockContext, BlockWeights } from './block.js';
import { countMatrices, countParameters, tokenCost } from './cost.js';
import type { TokenCost } from './cost.js';
import { decoderConfig } from './decoder-options.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import { decoderSpecs } from './decoder-specs.js';
import type { DecoderParts } from './decoder-specs.js';
import { dropout, nthDropout } from './dropout.js';
import { embed, separateOutput, tiedOutput } from './embedding.js';
import { cachedContexts } from './key-value-cache.js';
import type { KeyValueCache, LayerCache } from './key-value-cache.js';
import { mixing } from './mixing.js';
import type { Mixing, Visibility } from './mixing.js';
import { mlps } from './mlp.js';
import { layerNorm, rmsNorm } from './norm.js';
import type { Norm } from './norm.js';
import { learned2dPositions, learnedPositions, rotaryPositions, sinusoidalPositions } from './positions.js';
import type { Positions, PositionSizes, Span } from './positions.js';
import { drawTree } from './weights.js';
import type { DecoderWeights, WeightSpec } from './weights.js';

/** How a batch is read, where it is more than rows of tokens from position 0 on. */
export interface ForwardOptions {
  /** int32 [batch, time]: tokens see those of their own document, which has a number. Padding is a document of its own. */
  readonly documents?: tf.Tensor | undefined;
  /** int32 [batch, time], each below the context. Default: 0, 1, 2, … in each row. */
  readonly positions?: tf.Tensor | undefined;
  /** int32 [batch]: so many first tokens of each row see each other, and all others see them: a prefix language model. */
  readonly prefix?: tf.Tensor | undefined;
  /** int32 [batch, time]: the place of each token within its blank, from 1 on, and 0 outside of blanks: for `learned2d` positions. */
  readonly blockPositions?: tf.Tensor | undefined;
  /** For each layer, keys and values before those of the tokens, which all of them see: [1 or batch, keyValueHeads, past, headSize]. */
  readonly past?: readonly LayerCache[] | undefined;
  /** Leaves elements out as the config's `dropout` says: for training. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
  /** How attention is computed. Default: `mixing`, with all scores at once. */
  readonly attention?: ((visibility: Visibility) => Mixing) | undefined;
  /** Whether each block is computed again in the backward pass, in place of keeping what is inside it: see `remat`. */
  readonly recompute?: boolean | undefined;
}

/** A decoder-only transformer: its config, and the functions that follow from it. The weights are values of their own. */
export interface Decoder {
  readonly kind: 'decoder';
  readonly config: DecoderConfig;
  readonly numParameters: number;
  /** Floating-point operations of a forward pass for one token at full context; training takes three times as many. */
  readonly flopsPerToken: number;
  /** What a token costs at a length. */
  cost(length: number): TokenCost;
  /** The shape and first distribution of each weight. */
  readonly specs: DecoderWeights<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): DecoderWeights;
  /**
   * Logits [batch, time, vocabulary] of tokens, int32 [batch, time], or of embeddings in their place, float32 [batch, time, width];
   * time is at most the context.
   */
  forward(weights: DecoderWeights, inputs: tf.Tensor, options?: ForwardOptions): tf.Tensor3D;
  /** The last hidden states, normed: what the logits are made from. [batch, time, width] */
  hidden(weights: DecoderWeights, inputs: tf.Tensor, options?: ForwardOptions): tf.Tensor3D;
  /** All hidden states: the embeddings, and what each block makes of them, before the last norm. layers + 1 times [batch, time, width] */
  hiddenStates(weights: DecoderWeights, inputs: tf.Tensor, options?: ForwardOptions): readonly tf.Tensor3D[];
  /** What the attention of a layer sees of the states that its block is given, and which keys its queries see. */
  attentionInputs(weights: DecoderWeights, layer: number, states: tf.Tensor, options?: ForwardOptions): LayerAttention;
  /** Hidden states to logits: [..., width] → [..., vocabulary]. */
  logits(weights: DecoderWeights, hidden: tf.Tensor): tf.Tensor;
  /**
   * `time` more tokens of each sequence, int32 [batch, time], the first of which gets the cache's row `row` → the logits after the last,
   * [batch, vocabulary], and the cache with them. Sequences that are padded on the left begin at rows `starts`, int32 [batch].
   */
  decode(
    weights: DecoderWeights,
    tokens: tf.Tensor,
    row: tf.Scalar,
    cache: KeyValueCache,
    starts?: tf.Tensor,
    options?: DecodeOptions,
  ): Decoded;
}

/** The attention of one layer before it is computed. */
export interface LayerAttention extends AttentionInputs {
  readonly visibility: Visibility;
}

/** How tokens are read into a cache. */
export interface DecodeOptions {
  /** Whether the tokens see each other, also those after them: the prompt of a prefix language model. Default: no. */
  readonly bothWays?: boolean | undefined;
  /** Where the tokens stand, int32 [batch or 1, time], each below the context. Default: the places of their rows, counted from the start. */
  readonly positions?: tf.Tensor | undefined;
  /** Their places within blanks, int32 [batch or 1, time]: for `learned2d` positions. Default: 0, outside of blanks. */
  readonly blockPositions?: tf.Tensor | undefined;
}

/** What `decode` gives. */
export interface Decoded {
  readonly logits: tf.Tensor2D;
  readonly cache: KeyValueCache;
}

const norms: Record<DecoderConfig['norm'], (epsilon: number) => Norm> = { rms: rmsNorm, layer: layerNorm };
const allPositions: Record<DecoderConfig['positions'], (sizes: PositionSizes) => Positions> = {
  rotary: rotaryPositions,
  learned: learnedPositions,
  learned2d: learned2dPositions,
  sinusoidal: sinusoidalPositions,
};

/**
 * logits = output(norm(block_L(… block_1(embedding[tokens])))), a Llama unless the options say otherwise: Touvron 2023, "LLaMA"
 * (2302.13971). `gpt2.ts`, `llama.ts` and `qwen.ts` say which options make a published model.
 *
 * @throws TrainbookError if the options break a rule, such as heads that do not divide the width.
 * @example
 * const architecture = decoder({ layers: 4, width: 256, heads: 4, context: 256, vocabularySize: 4096 });
 * const weights = architecture.init(key(42));
 * const logits = architecture.forward(weights, tokens); // [batch, time, 4096]
 */
export function decoder(options: DecoderOptions & { readonly vocabularySize: number }): Decoder {
  const config = decoderConfig(options);
  const { heads, keyValueHeads, headSize, context, width, rotaryBase, rotaryScaling } = config;
  const norm = norms[config.norm](config.normEpsilon);
  const parts: DecoderParts = {
    heads: { heads, keyValueHeads, headSize, norm },
    norm,
    mlp: mlps[config.mlp],
    positions: allPositions[config.positions]({
      context,
      width,
      firstPosition: config.firstPosition,
      rotary: { headSize, base: rotaryBase, scaling: rotaryScaling },
    }),
    output: config.tiedEmbeddings ? tiedOutput : separateOutput,
  };
  const specs = decoderSpecs(config, parts);
  const cost = (length: number): TokenCost => tokenCost(config, countProducts(specs, config), length);
  const hiddenStates: Decoder['hiddenStates'] = (weights, inputs, reading = {}) =>
    readAll(config, parts, weights, inputs, reading);
  const hidden: Decoder['hidden'] = (weights, inputs, reading) =>
    norm(weights.norm, hiddenStates(weights, inputs, reading).at(-1) as tf.Tensor) as tf.Tensor3D;
  const logits: Decoder['logits'] = (weights, states) => parts.output.logits(weights.output, weights.embedding, states);
  return {
    kind: 'decoder',
    config,
    numParameters: countParameters(specs),
    flopsPerToken: cost(context).forwardFlops,
    cost,
    specs,
    init: (key) => drawTree(specs, key) as unknown as DecoderWeights,
    hidden,
    hiddenStates,
    attentionInputs: (weights, layer, states, reading = {}) => {
      const { attention, attentionNorm } = blockOf(weights, layer);
      const rotate = parts.positions.rotation(spanOf(config, states, reading));
      return {
        ...attentionInputs(parts.heads, attention, norm(attentionNorm, states), rotate),
        visibility: {
          causal: true,
          window: windowOf(config)(layer),
          documents: reading.documents,
          prefix: reading.prefix,
        },
      };
    },
    logits,
    forward: (weights, inputs, reading) => logits(weights, hidden(weights, inputs, reading)) as tf.Tensor3D,
    decode: (weights, tokens, row, cache, starts, { bothWays, positions: places, blockPositions: blocks } = {}) => {
      const [batch, time] = tokens.shape as [number, number];
      const { contexts, span, updated } = cachedContexts(
        cache,
        { row, time, starts, windowOf: windowOf(config), bothWays, places, blocks },
        parts.positions,
      );
      const placed = parts.positions.place(weights.positions, embed(weights.embedding, tokens), span);
      const all = runBlocks(parts, weights, placed, (layer) => ({ attention: contexts[layer] as AttentionContext }));
      const states = norm(weights.norm, all.at(-1) as tf.Tensor);
      const last = tf.reshape(tf.slice(states, [0, time - 1, 0], [batch, 1, width]), [batch, width]);
      return { logits: logits(weights, last) as tf.Tensor2D, cache: updated() };
    },
  };
}

/** How many keys a token of a layer sees at most; undefined: all. */
const windowOf =
  ({ window }: DecoderConfig) =>
  (layer: number): number | undefined =>
    window !== undefined && layer >= window.fromLayer ? window.size : undefined;

/** Weights that are multiplied with each token: all matrices, and the embedding where it gives the logits. */
function countProducts(specs: DecoderWeights<WeightSpec>, { tiedEmbeddings }: DecoderConfig): number {
  const inBlocks = countMatrices({ layers: specs.layers, output: specs.output });
  return inBlocks + (tiedEmbeddings ? countParameters(specs.embedding) : 0);
}

function readAll(
  config: DecoderConfig,
  parts: DecoderParts,
  weights: DecoderWeights,
  inputs: tf.Tensor,
  reading: ForwardOptions,
): tf.Tensor3D[] {
  const { documents, prefix, past, dropoutKey, attention = mixing, recompute = false } = reading;
  const span = spanOf(config, inputs, reading);
  const left = dropoutKey && { rate: config.dropout, key: dropoutKey };
  const mixes = new Map<number | undefined, Mixing>(); // layers with one window share their masks
  const mixOf = (window: number | undefined): Mixing => {
    const mix = mixes.get(window) ?? attention({ causal: true, window, documents, prefix });
    mixes.set(window, mix);
    return mix;
  };
  const embedded = inputs.rank === 3 ? inputs : embed(weights.embedding, inputs);
  const placed = parts.positions.place(weights.positions, embedded, span);
  const rotate = parts.positions.rotation(span);
  const run = recompute ? runRecomputed : runBlocks;
  return run(parts, weights, dropout(placed, nthDropout(left, 0)), (layer) => {
    const own = nthDropout(left, layer + 1);
    return {
      dropout: nthDropout(own, 0),
      attention: {
        rotate,
        mix: mixOf(windowOf(config)(layer)),
        remember: rememberAfter(past?.[layer]),
        dropout: nthDropout(own, 1),
      },
    };
  });
}

/** Where the tokens of a batch stand. */
function spanOf(config: DecoderConfig, inputs: tf.Tensor, { positions, blockPositions, past }: ForwardOptions): Span {
  const { context } = config;
  if (blockPositions !== undefined) {
    if (config.positions === 'learned2d' && positions !== undefined)
      return { places: positions, blocks: blockPositions, length: context };
    throw new TrainbookError({
      what: 'decoder: places within blanks say nothing to this model, or stand alone',
      received: `${config.positions} positions, ${positions === undefined ? 'no ' : ''}places of the tokens`,
      expected: 'a model with learned2d positions, and both places of each token',
      fix: "decoder({ …, positions: 'learned2d' })",
    });
  }
  const time = inputs.shape[1] ?? 0;
  const numPast = past?.[0]?.keys.shape[2] ?? 0;
  return positions === undefined ? { start: numPast, time } : { places: positions, length: context };
}

/** @throws TrainbookError if there is no such layer. */
function blockOf({ layers }: DecoderWeights, layer: number): BlockWeights {
  const block = layers[layer];
  if (block !== undefined) return block;
  throw new TrainbookError({
    what: 'decoder: there is no such layer',
    received: layer,
    expected: `an integer from 0 to ${layers.length - 1}`,
  });
}

/** Keys and values with those of a past before them, which all sequences share or each has its own. */
function rememberAfter(past: LayerCache | undefined): AttentionContext['remember'] {
  if (past === undefined) return (keys, values) => [keys, values];
  const joined = (before: tf.Tensor, now: tf.Tensor): tf.Tensor => {
    const [, heads, length, headSize] = before.shape as [number, number, number, number];
    return tf.concat([tf.broadcastTo(before, [now.shape[0], heads, length, headSize]), now], 2);
  };
  return (keys, values) => [joined(past.keys, keys), joined(past.values, values)];
}

type RunBlocks = (
  parts: DecoderParts,
  weights: DecoderWeights,
  x: tf.Tensor,
  contextOf: (layer: number) => BlockContext,
) => tf.Tensor3D[];

const runBlocks: RunBlocks = (parts, weights, x, contextOf) => runEach(parts, weights, x, contextOf, (block) => block);
const runRecomputed: RunBlocks = (parts, weights, x, contextOf) => runEach(parts, weights, x, contextOf, remat);

type Block = (weights: BlockWeights, x: tf.Tensor) => tf.Tensor;

/** What the blocks are given, and what each makes of it. */
function runEach(
  parts: DecoderParts,
  weights: DecoderWeights,
  x: tf.Tensor,
  contextOf: (layer: number) => BlockContext,
  wrap: (block: Block) => Block,
): tf.Tensor3D[] {
  const states = [x];
  weights.layers.forEach((layer, index) => {
    const context = contextOf(index);
    const run = wrap((own, given) => preNormBlock(parts, own, given, context));
    states.push(run(layer, states[index] as tf.Tensor));
  });
  return states as tf.Tensor3D[];
}
