import type { AttentionPart, Drawing } from './attention-part.js';
import type { DecoderConfig } from './decoder-options.js';
import type { Output } from './embedding.js';
import type { Network } from './block.js';
import type { Linear } from './linear.js';
import { isPartial } from './mixture-of-depths.js';
import type { Norm, NormWeights } from './norm.js';
import type { Positions } from './positions.js';
import { WeightSpec } from './weights.js';
import type { DecoderWeights } from './weights.js';

/** The position-wise part of a block, and the shapes of its matrices. */
export interface NetworkPart {
  readonly network: Network;
  /** Matrices by name; those whose name ends in `down` end in the residual stream. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Those that have a bias though others have none. */
  readonly biased?: readonly string[];
}

/** A config's parts, chosen once. */
export interface DecoderParts {
  readonly norm: Norm;
  readonly attention: AttentionPart;
  readonly networkOf: (layer: number) => NetworkPart;
  readonly positions: Positions;
  readonly output: Output;
}

/**
 * The shape and first distribution of each weight: matrices from N(0, deviation²), gains 1, biases 0. The two matrices of a block that
 * end in the residual stream are drawn smaller by √(2 layers), so that its variance does not grow with depth (GPT-2, Radford 2019).
 */
export function decoderSpecs(config: DecoderConfig, parts: DecoderParts): DecoderWeights<WeightSpec> {
  const { width, layers, vocabularySize, initDeviation, biases } = config;
  const table = (shape: readonly number[]): WeightSpec => new WeightSpec(shape, initDeviation);
  const matrix = (shape: readonly number[], biased: boolean, deviation = initDeviation): Linear<WeightSpec> => {
    const weight = new WeightSpec(shape, deviation);
    return biased ? { weight, bias: new WeightSpec([shape.at(-1) ?? 0], 'zeros') } : { weight };
  };
  const ending = initDeviation / Math.sqrt(2 * layers);
  const all = biases === 'all';
  const gain = (size: number): NormWeights<WeightSpec> => {
    const weight = new WeightSpec([size], 'ones');
    return all && config.norm === 'layer' ? { weight, bias: new WeightSpec([size], 'zeros') } : { weight };
  };
  const drawing: Drawing = {
    gain,
    matrix: (shape, kind) =>
      matrix(
        shape,
        all || (kind === 'input' && biases === 'queryKeyValue'),
        kind === 'output' ? ending : initDeviation,
      ),
  };
  const layer = (index: number): DecoderWeights<WeightSpec>['layers'][number] => {
    const { shapes, biased = [] } = parts.networkOf(index);
    return {
      attentionNorm: gain(width),
      ...(isPartial(config.depths, index) && { depthRouter: matrix([width, 1], false) }),
      attention: parts.attention.specs(drawing, width),
      mlpNorm: gain(width),
      mlp: Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [
          name,
          matrix(shape, all || biased.includes(name), /down$/i.test(name) ? ending : initDeviation),
        ]),
      ),
    };
  };
  const tables = (shapes: Readonly<Record<string, readonly number[]>>): Record<string, WeightSpec> =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, table(shape)]));
  return {
    embedding: table([vocabularySize, width]),
    positions: tables(parts.positions.shapes),
    layers: Array.from({ length: layers }, (_, index) => layer(index)),
    norm: gain(width),
    output: tables(parts.output.shapes(vocabularySize, width)),
  };
}
