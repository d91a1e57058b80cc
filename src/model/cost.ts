import { flatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { DecoderConfig } from './decoder-options.js';
import type { EncoderConfig } from './encoder-options.js';
import { isPartial } from './mixture-of-depths.js';
import type { DecoderWeights, WeightSpec } from './weights.js';

/** How many numbers a tree of weights has. */
export function countParameters(specs: Tree<WeightSpec>): number {
  return flatten(specs).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

/** How many of them are in matrices: what is multiplied with each token. */
export function countMatrices(specs: Tree<WeightSpec>): number {
  return countParameters(flatten(specs).filter(({ shape }) => shape.length > 1));
}

/** What of a decoder's experts a token goes through. */
type Active = Pick<DecoderConfig, 'experts' | 'tiedEmbeddings' | 'depths'>;

/** Of a tree's parameters those that a token meets: of the experts' (which have three axes) those of its own. */
export function countActive(specs: Tree<WeightSpec>, { experts }: Pick<Active, 'experts'>): number {
  if (experts === undefined) return countParameters(specs);
  const inExperts = countParameters(flatten(specs).filter(({ shape }) => shape.length === 3));
  return countParameters(specs) - inExperts + (inExperts * experts.active) / experts.number;
}

/** Weights that are multiplied with each token: matrices, of experts its own, and the embedding where it gives the logits. */
export function countProducts(specs: DecoderWeights<WeightSpec>, config: Active): number {
  const matricesOf = (tree: Tree<WeightSpec>): number =>
    countActive(
      flatten(tree).filter(({ shape }) => shape.length > 1),
      config,
    );
  const inLayers = specs.layers.map((layer, index) => shareOf(config, index) * matricesOf(layer as Tree<WeightSpec>));
  const ofOutput = matricesOf(specs.output) + (config.tiedEmbeddings ? countParameters(specs.embedding) : 0);
  return inLayers.reduce((sum, products) => sum + products, ofOutput);
}

/** The share of tokens that go through a layer. */
function shareOf({ depths }: Pick<Active, 'depths'>, layer: number): number {
  return depths !== undefined && isPartial(depths, layer) ? depths.capacity : 1;
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
 * FLOPs of a decoder for a token: 2 for each weight of a matrix product (the output table too), and a layer's 2 × heads × (features of a key
 * and of a value) for each key that the token is compared with: Q Kᵀ and the weighted sum of V. A causal model needs half of these on
 * average, but products of whole blocks compute more: `forwardFlops` counts all. Of experts only those of the token count.
 *
 * Latent attention compares, when it generates, with latent vectors, which are longer than keys; and keeps these alone.
 *
 * @param length In tokens.
 */
export function tokenCost(config: DecoderConfig, numMatrixParameters: number, length: number): TokenCost {
  const { layers, heads, keyValueHeads, headSize, width, latent, vocabularySize } = config;
  const matrices = 2 * numMatrixParameters;
  const valueSize = latent?.valueSize ?? headSize;
  // With Mixture-of-Depths a share of the tokens is compared with a share of the keys.
  const comparing = sum(layers, (layer) => shareOf(config, layer) ** 2);
  const perKey = 2 * comparing * heads * (headSize + valueSize);
  const perCached = latent === undefined ? perKey : 2 * layers * heads * (2 * latent.keyValueRank + latent.rotarySize);
  const cached = latent === undefined ? 2 * keyValueHeads * headSize : latent.keyValueRank + latent.rotarySize;
  const through = sum(layers, (layer) => shareOf(config, layer));
  const kept =
    6 * width + (heads + keyValueHeads) * (headSize + valueSize) + heads * length + (latent?.keyValueRank ?? 0);
  return {
    forwardFlops: matrices + perKey * length,
    decodeFlops: matrices + perCached * (length + 1),
    decodeFlopsWithoutCache: (length + 1) * (matrices + perKey * (length + 1)),
    cacheBytes: 4 * layers * cached,
    activationBytes: 4 * (through * kept + innerValues(config) + 2 * vocabularySize + 2 * width),
  };
}

const innerTensors = { swiglu: 3, gelu: 2, geluExact: 2, relu: 2 } as const;

/** Numbers inside the MLPs or experts of all layers that a token keeps; experts also keep what they are given and give. */
function innerValues(config: DecoderConfig): number {
  const { layers, hidden, mlp, experts, width } = config;
  const dense = innerTensors[mlp] * hidden;
  if (experts === undefined) return sum(layers, (layer) => shareOf(config, layer) * dense);
  const { fromLayer, active, number, hidden: own, shared, capacity = 1.25 } = experts;
  const rows = Math.min(number, capacity * active); // E × C slots, by token
  const sparse = rows * (3 * own + 2 * width) + 3 * (shared?.hidden ?? 0);
  return sum(layers, (layer) => shareOf(config, layer) * (layer < fromLayer ? dense : sparse));
}

function sum(layers: number, of: (layer: number) => number): number {
  return Array.from({ length: layers }, (_, layer) => of(layer)).reduce((total, each) => total + each, 0);
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
