import type { BlockParts } from './block.js';
import type { DecoderConfig } from './decoder-options.js';
import type { Output } from './embedding.js';
import type { Linear } from './linear.js';
import type { NormWeights } from './norm.js';
import type { Positions } from './positions.js';
import { WeightSpec } from './weights.js';
import type { DecoderWeights } from './weights.js';

/** A config's parts, chosen once. */
export interface DecoderParts extends BlockParts {
  readonly positions: Positions;
  readonly output: Output;
}

/**
 * The shape and first distribution of each weight: matrices from N(0, deviation²), gains 1, biases 0. The two matrices of a block that
 * end in the residual stream are drawn smaller by √(2 layers), so that its variance does not grow with depth (GPT-2, Radford 2019).
 */
export function decoderSpecs(config: DecoderConfig, parts: DecoderParts): DecoderWeights<WeightSpec> {
  const { width, layers, vocabularySize, initDeviation, hidden, biases, queryKeyNorm } = config;
  const { heads, keyValueHeads, headSize } = parts.heads;
  const table = (shape: readonly number[]): WeightSpec => new WeightSpec(shape, initDeviation);
  const matrix = (shape: readonly [number, number], biased: boolean, deviation = initDeviation): Linear<WeightSpec> => {
    const weight = new WeightSpec(shape, deviation);
    return biased ? { weight, bias: new WeightSpec([shape[1]], 'zeros') } : { weight };
  };
  const ending = initDeviation / Math.sqrt(2 * layers);
  const all = biases === 'all';
  const gain = (size: number): NormWeights<WeightSpec> => {
    const weight = new WeightSpec([size], 'ones');
    return all && config.norm === 'layer' ? { weight, bias: new WeightSpec([size], 'zeros') } : { weight };
  };
  const inputs = all || biases === 'queryKeyValue';
  const layer = {
    attentionNorm: gain(width),
    attention: {
      query: matrix([width, heads * headSize], inputs),
      key: matrix([width, keyValueHeads * headSize], inputs),
      value: matrix([width, keyValueHeads * headSize], inputs),
      output: matrix([heads * headSize, width], all, ending),
      ...(queryKeyNorm ? { queryNorm: gain(headSize), keyNorm: gain(headSize) } : {}),
    },
    mlpNorm: gain(width),
    mlp: Object.fromEntries(
      Object.entries(parts.mlp.shapes(width, hidden)).map(([name, shape]) => [
        name,
        matrix(shape, all, name === 'down' ? ending : initDeviation),
      ]),
    ),
  };
  const tables = (shapes: Readonly<Record<string, readonly number[]>>): Record<string, WeightSpec> =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, table(shape)]));
  return {
    embedding: table([vocabularySize, width]),
    positions: tables(parts.positions.shapes),
    layers: Array.from({ length: layers }, () => layer),
    norm: gain(width),
    output: tables(parts.output.shapes(vocabularySize, width)),
  };
}
