import type { DecoderConfig } from './decoder-options.js';
import type { EncoderConfig } from './encoder-options.js';
import { queryBlocks } from './mixing.js';
import type { QueryBlock } from './mixing.js';

// Legend: W = width, H = hidden, A = heads × headSize, C = keyValueHeads × headSize; Σ = heads × keys that a query's block sees.

/** What one block of a model keeps of a token for the backward pass, in numbers. */
export interface KeptActivations {
  /** Kept in float32 whatever the precision: what sums, activations and softmax need again. */
  readonly values: number;
  /** Kept as factors of matrix products, in the format of these. */
  readonly factors: number;
  /** Values that are factors too, and are kept once more where products have another format: the softmax. */
  readonly shared: number;
  /** Alive beside them while the gradient passes through the block: gradients of the MLP's inside, of the block's output and input. */
  readonly passing: number;
}

/**
 * What each block of a compiled training step keeps for the backward pass, for each token of rows of a length, tensor by tensor as
 * XLA keeps them:
 *
 *   both sums of the residual stream     2 W        values
 *   gate, up and σ; up and erf; or up    3, 2, 1 H  values
 *   softmax, of keys that are seen       Σ          values
 *   inputs of products, transposed       2 W + A    factors (both norms' outputs, and the mixed values)
 *   input of `down`                      H          factors
 *   queries                              A          factors
 *   keys and values                      2 C        factors; once more the part that each block of queries but the last sees
 *   softmax, transposed                  Σ          factors, where the engine's products ask for the copy
 *
 * With dropout also its bits for both sums and the softmax, and the softmax with elements left out.
 *
 * @example
 * keptActivations(decoder({ layers: 4, width: 256, heads: 4, context: 256, vocabularySize: 4096 }).config, 256)[0]; // values 3392, factors 2752
 */
export function keptActivations(config: DecoderConfig | EncoderConfig, length: number): readonly KeptActivations[] {
  return Array.from({ length: config.layers }, (_, layer) => keptInBlock(config, length, layer));
}

function keptInBlock(config: DecoderConfig | EncoderConfig, length: number, layer: number): KeptActivations {
  const { width, hidden, mlp } = config;
  const { queries, keys, group, headSize } = headSizes(config);
  const blocks = blocksOf(config, length, layer);
  const scores = (those: readonly QueryBlock[]): number =>
    (config.heads / length) * sum(those, ({ start, end, from, to }) => (end - start) * (to - from));
  const copied = blocks.filter(({ from, to }) => to - from < length);
  const transposed = blocks.filter(({ start, end, from, to }) => {
    const [rows, columns] = [group * (end - start), to - from];
    return rows * columns <= (rows + columns) * headSize; // as `productsForXla` decides
  });
  const softmax = scores(blocks);
  const leavesOut = config.dropout > 0;
  const normed = 'queryKeyNorm' in config && config.queryKeyNorm ? queries + keys : 0;
  const sparse = expertsOf(config, layer);
  const inner = sparse?.values ?? innerTensors[mlp] * hidden;
  const keysSeen = length + sum(copied, ({ from, to }) => to - from);
  return {
    values: 2 * width + inner + softmax + normed + (leavesOut ? 2 * width + softmax : 0),
    factors:
      2 * (width + queries) +
      (sparse?.factors ?? hidden) +
      (2 * keys * keysSeen) / length +
      scores(transposed) +
      (leavesOut ? softmax : 0),
    shared: leavesOut ? 0 : softmax,
    passing: inner + 2 * width,
  };
}

/** What experts keep of a token: the inside of E × C rows and what these give, and as factors what they are given and their inner products. */
function expertsOf(
  config: DecoderConfig | EncoderConfig,
  layer: number,
): { readonly values: number; readonly factors: number } | undefined {
  if (!('experts' in config) || config.experts === undefined || layer < config.experts.fromLayer) return undefined;
  const { number, active, hidden, shared, capacity = 1.25 } = config.experts;
  const rows = Math.min(number, capacity * active);
  const ofShared = shared?.hidden ?? 0;
  return {
    values: rows * (innerTensors.swiglu * hidden + config.width) + innerTensors.swiglu * ofShared,
    factors: rows * (hidden + config.width) + ofShared,
  };
}

/** Of the hidden size: gate, up and σ(gate); or what the activation is given, and erf of it, which the compiler keeps as it does σ. */
const innerTensors = { swiglu: 3, gelu: 1, geluExact: 2, relu: 1 } as const;

/** Features of all queries, and of all keys; queries that share a key; features of a head. */
function headSizes(config: DecoderConfig | EncoderConfig): {
  readonly queries: number;
  readonly keys: number;
  readonly group: number;
  readonly headSize: number;
} {
  const { heads, width } = config;
  if (!('keyValueHeads' in config)) return { queries: width, keys: width, group: 1, headSize: width / heads };
  const { keyValueHeads, headSize, latent } = config;
  if (latent !== undefined) {
    // Keys and values are of unlike sizes: their mean, and the latent vector that both are made from.
    const keys = (heads * (headSize + latent.valueSize) + latent.keyValueRank + latent.rotarySize) / 2;
    return { queries: heads * headSize, keys, group: 1, headSize };
  }
  return { queries: heads * headSize, keys: keyValueHeads * headSize, group: heads / keyValueHeads, headSize };
}

function blocksOf(config: DecoderConfig | EncoderConfig, length: number, layer: number): readonly QueryBlock[] {
  if (!('window' in config)) return queryBlocks({ causal: 'keyValueHeads' in config }, length, 0);
  const { window } = config;
  const size = window !== undefined && layer >= window.fromLayer ? window.size : undefined;
  return queryBlocks({ causal: true, window: size }, length, 0);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
