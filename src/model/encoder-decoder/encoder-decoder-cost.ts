import type { ForwardCost } from '../cost.js';
import { countMatrices, countParameters } from '../cost.js';
import type { EncoderDecoderConfig } from './encoder-decoder-options.js';
import type { EncoderDecoderWeights } from './encoder-decoder-specs.js';
import type { WeightSpec } from '../weights.js';

/** How long a source and its target are, in tokens. */
export interface SequenceLengths {
  readonly source: number;
  readonly target: number;
}

/** What a source and its target cost. */
export interface EncoderDecoderCost extends ForwardCost {
  /** One more token of the target, with a cache. */
  readonly decodeFlops: number;
  /** Bytes that decoding keeps, in float32: keys and values of the source and of the target. */
  readonly cacheBytes: number;
}

/**
 * FLOPs of a source and a target together: 2 for each weight of a matrix product and token, the keys and values of cross attention
 * being products with the source's tokens, and 4 × heads × headSize in each attention for each query and key. All scores are counted,
 * those that are masked too.
 */
export function encoderDecoderCost(
  config: EncoderDecoderConfig,
  specs: EncoderDecoderWeights<WeightSpec>,
  { source, target }: SequenceLengths,
): EncoderDecoderCost {
  const { layers, decoderLayers, heads, headSize, hidden, width, mlp, vocabularySize, tiedEmbeddings } = config;
  const inner = heads * headSize;
  const table = tiedEmbeddings ? countParameters(specs.embedding) : countMatrices(specs.output);
  const ofSource = countMatrices(specs.encoder.layers);
  const ofMemory = countMatrices(specs.decoder.layers.map(({ cross }) => [cross.key, cross.value]));
  const ofTarget = countMatrices(specs.decoder.layers) - ofMemory + table;
  const read = source * (2 * (ofSource + ofMemory) + 4 * layers * inner * source);
  const write = (keys: number): number => 2 * ofTarget + 4 * decoderLayers * inner * (keys + source);
  const innerTensors = mlp === 'geglu' || mlp === 'swiglu' ? 3 : 2;
  const kept = 5 * width + 4 * inner + innerTensors * hidden;
  const ofTokens =
    source * (layers * (kept + heads * source) + 2 * decoderLayers * inner) +
    target * (decoderLayers * (kept + 2 * width + 2 * inner + heads * (target + source)) + 2 * vocabularySize);
  return {
    forwardFlops: read + target * write(target),
    activationBytes: 4 * (ofTokens + 2 * width * (source + target)),
    decodeFlops: write(target + 1),
    cacheBytes: 4 * 2 * decoderLayers * inner * (source + target),
  };
}
