import * as tf from '@tensorflow/tfjs';
import type { Key } from '../engine/key.js';
import type { RandomKey } from '../engine/random.js';
import { TrainbookError } from '../error.js';
import type { AttentionContext, AttentionInputs } from './attention.js';
import { headedAttention } from './attention-part.js';
import type { BlockWeights, Network } from './block.js';
import { networksOf } from './block-networks.js';
import { countActive, countParameters, countProducts, tokenCost } from './cost.js';
import type { TokenCost } from './cost.js';
import { decoderConfig } from './decoder-options.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import { decoderSpecs } from './decoder-specs.js';
import type { DecoderParts } from './decoder-specs.js';
import { dropout, nthDropout } from './dropout.js';
import { throughLayers } from './early-exit.js';
import type { EarlyExit } from './early-exit.js';
import { embed, separateOutput, tiedOutput } from './embedding.js';
import type { Routing } from './gating.js';
import { cachedContexts } from './key-value-cache.js';
import type { CacheShape, KeyValueCache, LayerCache } from './key-value-cache.js';
import { latentAttention } from './latent-attention.js';
import { mixing } from './mixing.js';
import { chooseTokens } from './mixture-of-depths.js';
import type { ChosenTokens } from './mixture-of-depths.js';
import type { Mixing, Visibility } from './mixing.js';
import type { Linear } from './linear.js';
import { layerNorm, rmsNorm } from './norm.js';
import type { Norm } from './norm.js';
import { learned2dPositions, learnedPositions, rotaryPositions, sinusoidalPositions } from './positions.js';
import type { Positions, PositionSizes, Span } from './positions.js';
import { runBlocks, runRecomputed } from './run-blocks.js';
import type { Read } from './run-blocks.js';
import { residual } from './shardings.js';
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
  /** Those that a token meets: all but those of experts that it does not go through. */
  readonly numActiveParameters: number;
  /** Floating-point operations of a forward pass for one token at full context; training takes three times as many. */
  readonly flopsPerToken: number;
  /** What a token costs at a length. */
  cost(length: number): TokenCost;
  /** What a key–value cache keeps of each token of a layer. */
  readonly cacheShape: CacheShape;
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
  /** The same, and how each layer with experts has routed the tokens, in the order of layers. */
  routed(weights: DecoderWeights, inputs: tf.Tensor, options?: ForwardOptions): RoutedStates;
  /** All hidden states: the embeddings, and what each block makes of them, before the last norm. layers + 1 times [batch, time, width] */
  hiddenStates(weights: DecoderWeights, inputs: tf.Tensor, options?: ForwardOptions): readonly tf.Tensor3D[];
  /** What the attention of a layer sees of the states that its block is given, and which keys its queries see. */
  attentionInputs(weights: DecoderWeights, layer: number, states: tf.Tensor, options?: ForwardOptions): LayerAttention;
  /** Logits from the states of any layer, as `hiddenStates` has them: output(norm(states)). [..., width] → [..., vocabulary] */
  layerLogits(weights: DecoderWeights, states: tf.Tensor): tf.Tensor;
  /** Hidden states to logits: [..., width] → [..., vocabulary]. */
  logits(weights: DecoderWeights, hidden: tf.Tensor): tf.Tensor;
  /**
   * A part of the decoder: these blocks, the first of which is block `first`. x are the states before them, [batch, time, width], or the
   * tokens, int32 [batch, time], which are embedded where `weights` have a table. Gives the states after them, before the last norm.
   */
  part(weights: DecoderPart, x: tf.Tensor, first: number, options?: ForwardOptions): tf.Tensor3D;
  /**
   * `time` more tokens of each sequence, int32 [batch, time], or embeddings in their place, the first of which gets the cache's row `row` → the logits after the last,
   * [batch, vocabulary], and the cache with them. Sequences that are padded on the left begin at rows `starts`, int32 [batch]. With
   * `exit`, a single token of each goes through no more layers than it needs.
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

/** The weights of some blocks, and of what comes before them, if the first is among them. */
export type DecoderPart<Leaf = tf.Tensor> = Pick<DecoderWeights<Leaf>, 'layers'> &
  Partial<Pick<DecoderWeights<Leaf>, 'embedding' | 'positions'>>;

/** What `routed` gives. */
export interface RoutedStates {
  readonly hidden: tf.Tensor3D; // [batch, time, width]
  /** One a layer with experts; none in a dense model. */
  readonly routing: readonly Routing[];
}

/** The attention of one layer before it is computed. */
export interface LayerAttention extends AttentionInputs {
  readonly visibility: Visibility;
}

/** How tokens are read into a cache. */
export interface DecodeOptions {
  /** Whether the tokens see each other, also those after them: the prompt of a prefix language model. Default: no. */
  readonly bothWays?: boolean | undefined;
  /** When a token leaves the layers early. Default: never. */
  readonly exit?: EarlyExit | undefined;
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
  const { heads, keyValueHeads, headSize, context, width, rotaryBase, rotaryScaling, latent } = config;
  const norm = norms[config.norm](config.normEpsilon);
  const parts: DecoderParts = {
    norm,
    attention:
      latent === undefined
        ? headedAttention({ heads, keyValueHeads, headSize, norm }, config.queryKeyNorm)
        : latentAttention({ ...latent, heads, norm }),
    networkOf: networksOf(config),
    positions: allPositions[config.positions]({
      context,
      width,
      firstPosition: config.firstPosition,
      rotary: { headSize: latent?.rotarySize ?? headSize, base: rotaryBase, scaling: rotaryScaling },
    }),
    output: config.tiedEmbeddings ? tiedOutput : separateOutput,
  };
  const specs = decoderSpecs(config, parts);
  const cost = (length: number): TokenCost => tokenCost(config, countProducts(specs, config), length);
  const routed: Decoder['routed'] = (weights, inputs, reading = {}) => {
    const { states, routing } = readPart(config, parts, weights, inputs, reading);
    return { hidden: norm(weights.norm, states.at(-1) as tf.Tensor) as tf.Tensor3D, routing };
  };
  const hidden: Decoder['hidden'] = (weights, inputs, reading) => routed(weights, inputs, reading).hidden;
  const logits: Decoder['logits'] = (weights, states) => parts.output.logits(weights.output, weights.embedding, states);
  const layerLogits: Decoder['layerLogits'] = (weights, states) => logits(weights, norm(weights.norm, states));
  return {
    kind: 'decoder',
    config,
    numParameters: countParameters(specs),
    numActiveParameters: countActive(specs, config),
    flopsPerToken: cost(context).forwardFlops,
    cost,
    cacheShape: parts.attention.cache,
    specs,
    init: (key) => drawTree(specs, key) as unknown as DecoderWeights,
    hidden,
    routed,
    hiddenStates: (weights, inputs, reading = {}) => readPart(config, parts, weights, inputs, reading).states,
    attentionInputs: (weights, layer, states, reading = {}) => {
      const { attention, attentionNorm } = blockOf(weights, layer);
      const rotate = parts.positions.rotation(spanOf(config, states, reading));
      return {
        ...parts.attention.inputs(attention, norm(attentionNorm, states), rotate),
        visibility: {
          causal: true,
          window: windowOf(config)(layer),
          documents: reading.documents,
          prefix: reading.prefix,
        },
      };
    },
    logits,
    part: (weights, x, first, reading = {}) =>
      readPart(config, parts, weights, x, reading, first).states.at(-1) as tf.Tensor3D,
    forward: (weights, inputs, reading) => logits(weights, hidden(weights, inputs, reading)) as tf.Tensor3D,
    layerLogits,
    decode: (weights, tokens, row, cache, starts, options = {}) => {
      const { bothWays, exit, positions: places, blockPositions: blocks } = options;
      if (config.depths !== undefined) throw notRead('generate');
      const [batch, time] = tokens.shape as [number, number];
      const { contexts, span, updated } = cachedContexts(
        cache,
        { row, time, starts, windowOf: windowOf(config), bothWays, places, blocks },
        parts.positions,
      );
      const embedded = tokens.rank === 3 ? tokens : embed(weights.embedding, tokens);
      const placed = parts.positions.place(weights.positions, embedded, span);
      if (exit !== undefined && time === 1) {
        const logitsOf = (states: tf.Tensor): tf.Tensor => layerLogits(weights, states);
        const networkOf = (layer: number): Network => parts.networkOf(layer).network;
        const { attention } = parts;
        const layers = { norm, attention, networkOf, weights, contexts, cache, logitsOf };
        const done = throughLayers(layers, placed, exit);
        return { logits: tf.reshape(logitsOf(done.states), [batch, -1]), cache: done.cache };
      }
      const all = runBlocks(parts, weights, placed, undefined, (layer) => ({
        attention: contexts[layer] as AttentionContext,
        dropsNone: true,
      }));
      const states = norm(weights.norm, all.states.at(-1) as tf.Tensor);
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

/** What the blocks are given and make of it; the first of them is block `first`. */
function readPart(
  config: DecoderConfig,
  parts: DecoderParts,
  weights: DecoderPart,
  inputs: tf.Tensor,
  reading: ForwardOptions,
  first = 0,
): Read {
  const { documents, prefix, past, dropoutKey, attention = mixing, recompute = false } = reading;
  if (past !== undefined && config.latent !== undefined) throw noPast();
  if (config.depths !== undefined && (past !== undefined || prefix !== undefined)) throw notRead('take a prefix');
  const span = spanOf(config, inputs, reading);
  const left = dropoutKey && { rate: config.dropout, key: dropoutKey };
  const mixes = new Map<number | undefined, Mixing>(); // layers with one window share their masks
  const mixOf = (window: number | undefined): Mixing => {
    const mix = mixes.get(window) ?? attention({ causal: true, window, documents, prefix });
    mixes.set(window, mix);
    return mix;
  };
  const rotate = parts.positions.rotation(span);
  const run = recompute ? runRecomputed : runBlocks;
  const before = (): tf.Tensor => {
    const { embedding, positions = {} } = weights;
    const embedded = embedding === undefined || inputs.rank === 3 ? inputs : embed(embedding, inputs);
    return residual(dropout(parts.positions.place(positions, embedded, span), nthDropout(left, 0)));
  };
  const { depths, context } = config;
  const choose = depths && ((router: Linear, x: tf.Tensor): ChosenTokens => chooseTokens(depths, router, x));
  const own = { ...parts, networkOf: (layer: number) => parts.networkOf(first + layer) };
  return run(own, weights, first === 0 ? before() : inputs, choose, (index, chosen) => {
    const layer = first + index;
    const ofLayer = nthDropout(left, layer + 1);
    return {
      dropout: nthDropout(ofLayer, 0),
      attention: {
        ...(chosen === undefined
          ? { rotate, mix: mixOf(windowOf(config)(layer)) }
          : ofChosen(chosen, { attention, documents, ...reading }, parts.positions, context)),
        remember: rememberAfter(past?.[layer]),
        dropout: nthDropout(ofLayer, 1),
      },
    };
  });
}

function noPast(): TrainbookError {
  return new TrainbookError({
    what: 'decoder: latent attention has no keys and values of its own for a prefix to stand before',
    received: 'past keys and values, as of prefix tuning',
    expected: 'none',
    fix: 'use LoRA or prompt tuning',
  });
}

/** A decoder whose blocks choose among the tokens of a row. */
function notRead(what: string): TrainbookError {
  return new TrainbookError({
    what: `decoder: with Mixture-of-Depths a model does not ${what}`,
    received: 'the option depths, whose blocks choose among all tokens of a row',
    expected: 'a full pass',
    fix: 'leave out depths',
  });
}

/** Where the tokens that go through a block stand, and which of each other they see. */
function ofChosen(
  { places }: ChosenTokens,
  { attention = mixing, documents, positions }: ForwardOptions,
  all: Positions,
  length: number,
): Pick<AttentionContext, 'rotate' | 'mix'> {
  const own = (ofTokens: tf.Tensor): tf.Tensor => tf.gather(ofTokens, places, 1, 1);
  const stand = positions === undefined ? places : own(positions);
  return {
    rotate: all.rotation({ places: stand, length }),
    mix: attention({ causal: true, documents: documents && own(documents) }),
  };
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
