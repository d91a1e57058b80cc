import { flatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { DecoderConfig } from './decoder-options.js';
import type { EncoderConfig } from './encoder-options.js';
import type { WeightSpec } from './weights.js';

/** How many numbers a tree of weights has. */
export function countParameters(specs: Tree<WeightSpec>): number {
  return flatten(specs).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

/** How many of them are in matrices: what is multiplied with each token. */
export function countMatrices(specs: Tree<WeightSpec>): number {
  return countParameters(flatten(specs).filter(({ shape }) => shape.length > 1));
}

/** What a token costs to be read. FLOPs are floating-point operations: a multiplication and an addition are two. */
export interface ForwardCost {
  /** A forward pass at a given length, for each of its tokens; training takes three times as many. */
  readonly forwardFlops: number;
  /** Bytes of activations that a training step keeps for the backward pass, in float32, without recomputation and about. */
  readonly activationBytes: number;
}

/** What a token costs, read or generated. */
export interface TokenCost extends ForwardCost {
  /** One more token after `length` others, with a key–value cache. */
  readonly decodeFlops: number;
  /** The same without a cache: all tokens again. */
  readonly decodeFlopsWithoutCache: number;
  /** Bytes that the cache grows by with each token, in float32. */
  readonly cacheBytes: number;
}

/**
 * FLOPs of a decoder for a token: 2 for each weight of a matrix product (the output table too), and a layer's 4 × heads × headSize for each key
 * that the token is compared with: Q Kᵀ and the weighted sum of V. A causal model needs half of these on average, but products of whole
 * blocks compute more: `forwardFlops` counts all.
 *
 * @param length In tokens.
 */
export function tokenCost(config: DecoderConfig, numMatrixParameters: number, length: number): TokenCost {
  const { layers, heads, keyValueHeads, headSize, width, hidden, mlp, vocabularySize } = config;
  const matrices = 2 * numMatrixParameters;
  const perKey = 4 * layers * heads * headSize;
  const innerTensors = { swiglu: 3, gelu: 2, geluExact: 2, relu: 2 }[mlp];
  const kept = 6 * width + 2 * (heads + keyValueHeads) * headSize + innerTensors * hidden + heads * length;
  return {
    forwardFlops: matrices + perKey * length,
    decodeFlops: matrices + perKey * (length + 1),
    decodeFlopsWithoutCache: (length + 1) * (matrices + perKey * (length + 1)),
    cacheBytes: 4 * 2 * layers * keyValueHeads * headSize,
    activationBytes: 4 * (layers * kept + 2 * vocabularySize + 2 * width),
  };
}

/**
 * FLOPs of an encoder for a token: 2 for each weight of a matrix product, and a layer's 4 × width for each token of the sequence: Q Kᵀ and
 * the weighted sum of V. What a head makes of the hidden states comes on top.
 *
 * @param length In tokens.
 */
export function encoderCost(config: EncoderConfig, numMatrixParameters: number, length: number): ForwardCost {
  const { layers, heads, width, hidden } = config;
  // x, queries as they are and scaled, keys, values, their mixture, both sums and the norm between them; the MLP's; the softmax.
  const kept = 9 * width + 2 * hidden + heads * length;
  return {
    forwardFlops: 2 * numMatrixParameters + 4 * layers * width * length,
    activationBytes: 4 * (layers * kept + 2 * width),
  };
}
