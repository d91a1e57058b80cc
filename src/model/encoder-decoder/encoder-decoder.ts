import * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import type { RandomKey } from '../../engine/random.js';
import { remat } from '../../engine/remat.js';
import { plainAttention } from '../attention.js';
import { preNormBlock, withMlp } from '../block.js';
import type { BlockWeights } from '../block.js';
import { countParameters } from '../cost.js';
import { memoryOf } from './cross-attention.js';
import { preNormCrossBlock } from './cross-block.js';
import type { CrossBlockContext, CrossBlockWeights } from './cross-block.js';
import { dropout, nthDropout } from '../dropout.js';
import type { Dropout } from '../dropout.js';
import { embed, scaledOutput, separateOutput, tiedOutput } from '../embedding.js';
import type { Output } from '../embedding.js';
import { encoderDecoderCost } from './encoder-decoder-cost.js';
import type { EncoderDecoderCost, SequenceLengths } from './encoder-decoder-cost.js';
import { encoderDecoderConfig } from './encoder-decoder-options.js';
import type { EncoderDecoderConfig, EncoderDecoderOptions } from './encoder-decoder-options.js';
import { encoderDecoderSpecs } from './encoder-decoder-specs.js';
import type { EncoderDecoderParts, EncoderDecoderWeights } from './encoder-decoder-specs.js';
import { cachedContexts } from '../key-value-cache.js';
import type { KeyValueCache } from '../key-value-cache.js';
import { masked, maskedMixing, mixing } from '../mixing.js';
import { mlps } from '../mlp.js';
import { rmsNorm } from '../norm.js';
import { relativeBias, relativeBiasAt, unplaced } from './relative-positions.js';
import type { RelativeBuckets } from './relative-positions.js';
import { drawTree } from '../weights.js';
import type { WeightSpec } from '../weights.js';

/** A batch: what is read, and what is written after it. */
export interface SourceAndTarget {
  readonly source: tf.Tensor; // int32 [batch, sourceTime], or embeddings in their place, float32 [batch, sourceTime, width]
  /** Begins with the start token; the logits at a place are those of the token after it. */
  readonly target: tf.Tensor; // int32 [batch, targetTime], or embeddings
}

/** How a batch is read, where it is more than one text a row, without padding. */
export interface EncoderDecoderForwardOptions {
  /**
   * int32 [batch, sourceTime]: tokens see those of their own document, which has a number. The mask of `pad`, 1 for text and 0 for
   * padding, is a numbering too.
   */
  readonly sourceDocuments?: tf.Tensor | undefined;
  /** int32 [batch, targetTime]: tokens see the tokens before them and the source of their own document. Default: 1. */
  readonly targetDocuments?: tf.Tensor | undefined;
  /** Leaves elements out as the config's `dropout` says: for training. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
  /** Whether each block is computed again in the backward pass, in place of keeping what is inside it: see `remat`. */
  readonly recompute?: boolean | undefined;
}

/** What decoding keeps of a source: keys and values of each block of the decoder, and which of them are seen. */
export type SourceMemory<Leaf = tf.Tensor> = {
  readonly layers: KeyValueCache<Leaf>; // [batch, heads, sourceTime, headSize] each
  /** To be added to scores. */
  readonly mask: Leaf; // [batch, 1, 1, 1, sourceTime]
};

/** What `decode` gives. */
export interface DecodedTarget {
  readonly logits: tf.Tensor2D;
  readonly cache: KeyValueCache;
}

/** An encoder–decoder transformer: its config, and the functions that follow from it. The weights are values of their own. */
export interface EncoderDecoder {
  readonly kind: 'encoderDecoder';
  readonly config: EncoderDecoderConfig;
  readonly numParameters: number;
  /** What a source and a target of such lengths cost. */
  cost(lengths: SequenceLengths): EncoderDecoderCost;
  /** The shape and first distribution of each weight. */
  readonly specs: EncoderDecoderWeights<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): EncoderDecoderWeights;
  /** Logits [batch, targetTime, vocabulary]. */
  forward(weights: EncoderDecoderWeights, inputs: SourceAndTarget, options?: EncoderDecoderForwardOptions): tf.Tensor3D;
  /** The encoder's last states, normed: [batch, sourceTime, width]. */
  encode(weights: EncoderDecoderWeights, source: tf.Tensor, options?: EncoderDecoderForwardOptions): tf.Tensor3D;
  /** The decoder's last states, normed: what the logits are made from. [batch, targetTime, width] */
  hidden(weights: EncoderDecoderWeights, inputs: SourceAndTarget, options?: EncoderDecoderForwardOptions): tf.Tensor3D;
  /** [..., width] → [..., vocabulary] */
  logits(weights: EncoderDecoderWeights, hidden: tf.Tensor): tf.Tensor;
  /** What decoding needs of a source, int32 [batch, sourceTime] each; the mask is 1 for text and 0 for padding. */
  remember(weights: EncoderDecoderWeights, source: tf.Tensor, mask: tf.Tensor): SourceMemory;
  /**
   * `time` more tokens of each target, int32 [batch, time], the first of which gets the cache's row `row` → the logits after the last,
   * [batch, vocabulary], and the cache with them. Targets that are padded on the left begin at rows `starts`, int32 [batch].
   */
  decode(
    weights: EncoderDecoderWeights,
    tokens: tf.Tensor,
    row: tf.Scalar,
    state: { readonly cache: KeyValueCache; readonly memory: SourceMemory; readonly starts?: tf.Tensor },
  ): DecodedTarget;
}

/**
 * An encoder reads the source, each token seeing all others; a decoder writes the target, each token seeing those before it and, by
 * cross attention, the encoder's states. The first T5 unless the options say otherwise: Raffel 2019, "Exploring the Limits of Transfer
 * Learning with a Unified Text-to-Text Transformer" (1910.10683). `t5.ts` says which options make a published model.
 *
 * Places are known by a bias for each head and distance, shared by the blocks of a stack; queries are not scaled, norms have no mean and
 * no bias, linear layers no bias.
 *
 * @throws TrainbookError if the options break a rule, such as heads that do not divide the width.
 * @example
 * const architecture = encoderDecoder({ layers: 4, width: 256, heads: 4, vocabularySize: 4096 });
 * const weights = architecture.init(key(42));
 * const logits = architecture.forward(weights, { source, target }, { sourceDocuments: mask }); // [batch, targetTime, 4096]
 */
export function encoderDecoder(options: EncoderDecoderOptions & { readonly vocabularySize: number }): EncoderDecoder {
  const config = encoderDecoderConfig(options);
  const { heads, headSize, width, buckets, distance } = config;
  const norm = rmsNorm(config.normEpsilon);
  const table: Output = config.tiedEmbeddings ? tiedOutput : separateOutput;
  const parts: EncoderDecoderParts = {
    heads: { heads, keyValueHeads: heads, headSize, norm, scale: 1 },
    norm,
    mlp: mlps[config.mlp],
    output: config.scaledOutput ? scaledOutput(table, 1 / Math.sqrt(width)) : table,
  };
  const specs = encoderDecoderSpecs(config, parts);
  const ofEncoder: RelativeBuckets = { buckets, distance, bidirectional: true };
  const ofDecoder: RelativeBuckets = { ...ofEncoder, bidirectional: false };
  /** What the encoder, 0, and the decoder, 1, leave out. */
  const leftBy = ({ dropoutKey }: EncoderDecoderForwardOptions, stack: 0 | 1): Dropout | undefined =>
    dropoutKey && nthDropout({ rate: config.dropout, key: dropoutKey }, stack);

  const encode: EncoderDecoder['encode'] = (weights, source, reading = {}) => {
    const { relative, layers, norm: last } = weights.encoder;
    const left = leftBy(reading, 0);
    const x = embedded(weights, source);
    const mix = mixing(
      { causal: false, documents: reading.sourceDocuments },
      relativeBias(relative, ofEncoder, source.shape[1] ?? 0),
    );
    const states = runStack(layers, dropout(x, nthDropout(left, 0)), reading, (block: BlockWeights, given, layer) => {
      const own = nthDropout(left, layer + 2);
      const context = {
        ...addedAndHidden(own),
        attention: plainAttention(mix, nthDropout(own, 1)),
      };
      return preNormBlock(withMlp(parts), block, given, context).states;
    });
    return dropout(norm(last, states), nthDropout(left, 1)) as tf.Tensor3D;
  };

  const hidden: EncoderDecoder['hidden'] = (weights, { source, target }, reading = {}) => {
    const { relative, layers, norm: last } = weights.decoder;
    const { sourceDocuments, targetDocuments: documents } = reading;
    const memory = encode(weights, source, reading);
    const left = leftBy(reading, 1);
    const x = embedded(weights, target);
    const mix = mixing({ causal: true, documents }, relativeBias(relative, ofDecoder, target.shape[1] ?? 0));
    const mixMemory = maskedMixing(sourceDocuments && crossMask(sourceDocuments, documents));
    const states = runStack(
      layers,
      dropout(x, nthDropout(left, 0)),
      reading,
      (block: CrossBlockWeights, given, layer) => {
        const own = nthDropout(left, layer + 2);
        return preNormCrossBlock(parts, block, given, {
          ...addedAndHidden(own),
          attention: plainAttention(mix, nthDropout(own, 1)),
          cross: { memory: memoryOf(parts.heads, block.cross, memory), mix: mixMemory, dropout: nthDropout(own, 3) },
        });
      },
    );
    return dropout(norm(last, states), nthDropout(left, 1)) as tf.Tensor3D;
  };

  const logits: EncoderDecoder['logits'] = (weights, states) =>
    parts.output.logits(weights.output, weights.embedding, states);
  return {
    kind: 'encoderDecoder',
    config,
    numParameters: countParameters(specs),
    cost: (lengths) => encoderDecoderCost(config, specs, lengths),
    specs,
    init: (key) => drawTree(specs, key) as unknown as EncoderDecoderWeights,
    encode,
    hidden,
    logits,
    forward: (weights, inputs, reading) => logits(weights, hidden(weights, inputs, reading)) as tf.Tensor3D,
    remember: (weights, source, mask) => {
      const memory = encode(weights, source, { sourceDocuments: mask });
      return {
        layers: weights.decoder.layers.map(({ cross }) => memoryOf(parts.heads, cross, memory)),
        mask: crossMask(mask, undefined),
      };
    },
    decode: (weights, tokens, row, { cache, memory, starts }) => {
      const { relative, layers, norm: last } = weights.decoder;
      const [batch, time] = tokens.shape as [number, number];
      const rows = tf.add(tf.range(0, time, 1, 'int32'), row); // [time]
      const bias = relativeBiasAt(relative, ofDecoder, rows, cache[0]?.keys.shape[2] ?? 0);
      const { contexts, updated } = cachedContexts(
        cache,
        { row, time, starts, windowOf: () => undefined, bias },
        unplaced,
      );
      const mix = maskedMixing(memory.mask);
      const states = layers.reduce<tf.Tensor>(
        (x, block, layer) => {
          const cross = { memory: memory.layers[layer], mix };
          return preNormCrossBlock(parts, block, x, { attention: contexts[layer], cross } as CrossBlockContext);
        },
        embed(weights.embedding, tokens),
      );
      const ends = tf.reshape(tf.slice(states, [0, time - 1, 0], [batch, 1, width]), [batch, width]);
      return { logits: logits(weights, norm(last, ends)) as tf.Tensor2D, cache: updated() };
    },
  };
}

const embedded = ({ embedding }: EncoderDecoderWeights, inputs: tf.Tensor): tf.Tensor =>
  inputs.rank === 3 ? inputs : embed(embedding, inputs);

/** What a block leaves out of what it adds, and inside its MLP. */
const addedAndHidden = (own: Dropout | undefined) => ({ dropout: nthDropout(own, 0), hidden: nthDropout(own, 2) });

/** Runs blocks one after another. */
function runStack<Block>(
  layers: readonly Block[],
  x: tf.Tensor,
  { recompute = false }: EncoderDecoderForwardOptions,
  run: (block: Block, given: tf.Tensor, layer: number) => tf.Tensor,
): tf.Tensor {
  return layers.reduce<tf.Tensor>((states, block, layer) => {
    const one = (own: Block, given: tf.Tensor): tf.Tensor => run(own, given, layer);
    return (recompute ? remat(one) : one)(block, states);
  }, x);
}

/** 0 where a target's token sees a source's: where both are of one document. [batch, 1, 1, 1 or targetTime, sourceTime] */
function crossMask(sourceDocuments: tf.Tensor, targetDocuments: tf.Tensor | undefined): tf.Tensor {
  const [batch, time] = sourceDocuments.shape as [number, number];
  const ofTargets =
    targetDocuments === undefined
      ? tf.scalar(1, 'int32')
      : tf.reshape(targetDocuments, [batch, 1, 1, targetDocuments.shape[1] ?? 0, 1]);
  const apart = tf.notEqual(tf.reshape(sourceDocuments, [batch, 1, 1, 1, time]), ofTargets);
  return tf.mul(tf.cast(apart, 'float32'), masked);
}
