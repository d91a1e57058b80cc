import * as tf from '@tensorflow/tfjs';
import type { Key } from '../engine/key.js';
import type { AttentionContext } from './attention.js';
import { block } from './block.js';
import type { BlockParts } from './block.js';
import { decoderConfig } from './decoder-options.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import { embed, separateOutput, tiedOutput } from './embedding.js';
import type { Output } from './embedding.js';
import { cachedContexts } from './key-value-cache.js';
import type { KeyValueCache } from './key-value-cache.js';
import { causalMixing } from './mixing.js';
import { geluMlp, swiglu } from './mlp.js';
import type { Mlp } from './mlp.js';
import { layerNorm, rmsNorm } from './norm.js';
import type { Norm } from './norm.js';
import { learnedPositions, rotaryPositions } from './positions.js';
import type { Positions, PositionSizes, Span } from './positions.js';
import { drawWeights, WeightSpec } from './weights.js';
import type { DecoderWeights } from './weights.js';

/** A decoder-only transformer: its config, and the functions that follow from it. The weights are values of their own. */
export interface Decoder {
  readonly kind: 'decoder';
  readonly config: DecoderConfig;
  readonly numParameters: number;
  /** Floating-point operations of a forward pass for one token at full context; training takes three times as many. */
  readonly flopsPerToken: number;
  /** The shape and first distribution of each weight. */
  readonly specs: DecoderWeights<WeightSpec>;
  /** First weights: the same for the same key, each drawn from a key folded with its path. */
  init(key: Key): DecoderWeights;
  /** int32 [batch, time] → logits [batch, time, vocabulary]; time is at most the context. */
  forward(weights: DecoderWeights, tokens: tf.Tensor): tf.Tensor3D;
  /** One token a sequence, int32 [batch], at `position` → its logits [batch, vocabulary] and the cache with it. */
  decode(
    weights: DecoderWeights,
    tokens: tf.Tensor,
    position: tf.Scalar,
    cache: KeyValueCache,
  ): { readonly logits: tf.Tensor2D; readonly cache: KeyValueCache };
}

const norms: Record<DecoderConfig['norm'], (epsilon: number) => Norm> = { rms: rmsNorm, layer: layerNorm };
const mlps: Record<DecoderConfig['mlp'], Mlp> = { swiglu, gelu: geluMlp };
const allPositions: Record<DecoderConfig['positions'], (sizes: PositionSizes) => Positions> = {
  rotary: rotaryPositions,
  learned: learnedPositions,
};

/** A config's parts, chosen once. */
interface Parts extends BlockParts {
  readonly positions: Positions;
  readonly output: Output;
  readonly outputNorm: Norm;
}

/**
 * logits = output(norm(block_L(… block_1(embedding[tokens])))), a Llama unless the options say otherwise.
 * Touvron 2023, "LLaMA" (2302.13971); with LayerNorm, learned positions and GELU it is a GPT-2 without biases (Radford 2019).
 *
 * @throws TrainbookError if the options break a rule, such as heads that do not divide the width.
 * @example
 * const architecture = decoder({ layers: 4, width: 256, heads: 4, context: 256, vocabularySize: 4096 });
 * const weights = architecture.init(key(42));
 * const logits = architecture.forward(weights, tokens); // [batch, time, 4096]
 */
export function decoder(options: DecoderOptions & { readonly vocabularySize: number }): Decoder {
  const config = decoderConfig(options);
  const headSize = config.width / config.heads;
  const norm = norms[config.norm](config.normEpsilon);
  const parts: Parts = {
    heads: { heads: config.heads, keyValueHeads: config.keyValueHeads, headSize },
    norm,
    outputNorm: norm,
    mlp: mlps[config.mlp],
    positions: allPositions[config.positions]({ ...config, headSize }),
    output: config.tiedEmbeddings ? tiedOutput : separateOutput,
  };
  const specs = specify(config, parts);
  return {
    kind: 'decoder',
    config,
    numParameters: countParameters(config),
    flopsPerToken: countFlops(config),
    specs,
    init: (key) => drawWeights(specs, key),
    forward: (weights, tokens) => {
      const time = tokens.shape[1] ?? 0;
      const context: AttentionContext = {
        rotate: parts.positions.rotation({ time }),
        mix: causalMixing,
        remember: (keys, values) => [keys, values],
      };
      return run(parts, weights, tokens, { time }, () => context);
    },
    decode: (weights, tokens, position, cache) => {
      const span = { position };
      const { contexts, updated } = cachedContexts(cache, position, parts.positions.rotation(span));
      const column = tf.reshape(tokens, [-1, 1]); // [batch, 1]
      const logits = run(parts, weights, column, span, (layer) => contexts[layer] as AttentionContext);
      return { logits: tf.reshape(logits, [-1, config.vocabularySize]), cache: updated() };
    },
  };
}

function run(
  parts: Parts,
  weights: DecoderWeights,
  tokens: tf.Tensor,
  span: Span,
  contextOf: (layer: number) => AttentionContext,
): tf.Tensor3D {
  const embedded = parts.positions.place(weights.positions, embed(weights.embedding, tokens), span);
  const hidden = weights.layers.reduce((x, layer, index) => block(parts, layer, x, contextOf(index)), embedded);
  return parts.output.logits(weights.output, weights.embedding, parts.outputNorm(weights.norm, hidden)) as tf.Tensor3D;
}

/**
 * Matrices from N(0, deviation²), gains 1. The two matrices of a block that end in the residual stream are drawn smaller by
 * √(2 layers), so that its variance does not grow with depth (GPT-2, Radford 2019).
 */
function specify(config: DecoderConfig, parts: Parts): DecoderWeights<WeightSpec> {
  const { width, layers, vocabularySize, initDeviation, hidden } = config;
  const { heads, keyValueHeads, headSize } = parts.heads;
  const gain = new WeightSpec([width], 'ones');
  const matrix = (shape: readonly number[]): WeightSpec => new WeightSpec(shape, initDeviation);
  const ending = (shape: readonly number[]): WeightSpec => new WeightSpec(shape, initDeviation / Math.sqrt(2 * layers));
  const matrices = (shapes: Readonly<Record<string, readonly number[]>>): Record<string, WeightSpec> =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, (name === 'down' ? ending : matrix)(shape)]),
    );
  const layer = {
    attentionNorm: gain,
    attention: {
      query: matrix([width, heads * headSize]),
      key: matrix([width, keyValueHeads * headSize]),
      value: matrix([width, keyValueHeads * headSize]),
      output: ending([heads * headSize, width]),
    },
    mlpNorm: gain,
    mlp: matrices(parts.mlp.shapes(width, hidden)),
  };
  return {
    embedding: matrix([vocabularySize, width]),
    positions: matrices(parts.positions.shapes),
    layers: Array.from({ length: layers }, () => layer),
    norm: gain,
    output: matrices(parts.output.shapes(vocabularySize, width)),
  };
}

/** width × width for queries and output, width × keyValueHeads × headSize for keys and values, and the MLP's two or three matrices. */
function matrixParametersPerLayer({ width, heads, keyValueHeads, hidden, mlp }: DecoderConfig): number {
  const shared = (width / heads) * keyValueHeads;
  const numMatrices = { swiglu: 3, gelu: 2 }[mlp];
  return 2 * width * width + 2 * width * shared + numMatrices * width * hidden;
}

function countParameters(config: DecoderConfig): number {
  const { width, layers, vocabularySize, context, positions, tiedEmbeddings } = config;
  const tables = vocabularySize * width * (tiedEmbeddings ? 1 : 2) + (positions === 'learned' ? context * width : 0);
  return tables + layers * (matrixParametersPerLayer(config) + 2 * width) + width;
}

/**
 * Two operations for each weight of a matrix product (the output table too), and 4 × context × width a layer for Q Kᵀ and
 * the weighted sum of V, of which a causal model needs half but computes all.
 */
function countFlops(config: DecoderConfig): number {
  const { width, layers, vocabularySize, context } = config;
  return 2 * (layers * matrixParametersPerLayer(config) + vocabularySize * width) + layers * 4 * context * width;
}
