import type * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import type { DecoderPart, ForwardOptions } from './decoder.js';
import { mlpClassifier } from './mlp-classifier.js';
import type { MlpClassifier, MlpClassifierWeights } from './mlp-classifier.js';
import { activations } from './mlp.js';
import type { Model } from './model.js';
import { parseSizes } from './stage-sizes.js';
import type { DecoderWeights } from './weights.js';

/** How a part of a network reads a batch: the batch's other tensors by their names, and what a training adds. */
export type StageReading = Pick<
  ForwardOptions,
  'documents' | 'positions' | 'prefix' | 'blockPositions' | 'dropoutKey' | 'recompute'
>;

/** A part of a network that computes by itself, given what the part before it made; the first is given the batch's inputs. */
export interface PipelineStage<Weights = unknown> {
  readonly weights: Weights;
  /** The last part gives what the loss reads, such as logits. */
  forward(weights: Weights, x: tf.Tensor, options?: StageReading): tf.Tensor;
}

/** A weight that two parts have: its path in the first of them, and in the last. */
export type TiedPaths = readonly [first: string, last: string];

/** A network in parts. */
export interface Stages {
  readonly stages: readonly PipelineStage[];
  /** Weights of the first part that the last one has too. */
  readonly tied: readonly TiedPaths[];
  /**
   * The network's own tree, made of trees like the parts' weights, whatever their leaves are: checkpoints have this one. Default: the list
   * of the parts' trees.
   */
  readonly whole?: (parts: readonly unknown[]) => unknown;
}

/**
 * A decoder in parts of whole blocks, as even as can be; the first also embeds, the last also norms and makes the logits. Where the table
 * of embeddings is that of the logits too, the first and the last part have it both.
 *
 * @param sizes How many parts, or the blocks of each.
 * @throws TrainbookError if the parts do not have all blocks, or for a decoder whose experts want a loss of their own.
 * @example
 * const { stages } = decoderStages(model, 2);
 */
export function decoderStages({ architecture, weights }: Model, sizes: number | readonly number[]): Stages {
  const { config } = architecture;
  if (config.experts !== undefined || config.depths !== undefined) {
    throw new TrainbookError({
      what: 'decoderStages: experts and chosen tokens are balanced over all blocks, which no part has',
      received: config.experts === undefined ? 'a decoder with depths' : 'a decoder with experts',
      expected: 'a dense decoder',
      fix: 'share experts out over the axis tensor of a mesh',
    });
  }
  const blocks = parseSizes('decoderStages', sizes, weights.layers.length, 'blocks');
  const firsts = blocks.map((_, stage) => blocks.slice(0, stage).reduce((sum, size) => sum + size, 0));
  const tied = config.tiedEmbeddings && blocks.length > 1;
  const stages = blocks.map((size, index): PipelineStage => {
    const first = firsts[index] as number;
    const layers = weights.layers.slice(first, first + size);
    const before = index === 0 ? { embedding: weights.embedding, positions: weights.positions } : {};
    if (index < blocks.length - 1) {
      const own: DecoderPart = { ...before, layers };
      return {
        weights: own,
        forward: (given, x, options) => architecture.part(given as DecoderPart, x, first, options),
      };
    }
    const after = { norm: weights.norm, output: weights.output, ...(tied && { embedding: weights.embedding }) };
    return {
      weights: { ...before, layers, ...after },
      forward: (given, x, options) => {
        const last = given as DecoderWeights;
        const part: DecoderPart = index === 0 ? last : { layers: last.layers }; // the table is for the logits
        return architecture.layerLogits(last, architecture.part(part, x, first, options));
      },
    };
  });
  const whole = (parts: readonly unknown[]): unknown => {
    const [opening, closing] = [parts[0], parts.at(-1)] as [DecoderWeights<unknown>, DecoderWeights<unknown>];
    const layers = parts.flatMap((part) => (part as DecoderPart<unknown>).layers);
    return {
      embedding: opening.embedding,
      positions: opening.positions,
      layers,
      norm: closing.norm,
      output: closing.output,
    };
  };
  return { stages, tied: tied ? [['embedding', 'embedding']] : [], whole };
}

/**
 * A classifier in parts of whole layers.
 *
 * @param sizes How many parts, or the layers of each.
 * @throws TrainbookError if the parts do not have all layers.
 * @example
 * const { stages } = mlpStages({ architecture: mlpClassifier({ sizes: [1000, 512, 256, 10] }), weights }, [1, 2]);
 */
export function mlpStages(
  { architecture, weights }: { readonly architecture: MlpClassifier; readonly weights: MlpClassifierWeights },
  sizes: number | readonly number[],
): Stages {
  const { config } = architecture;
  if (config.dropout > 0) {
    throw new TrainbookError({
      what: 'mlpStages: what dropout leaves out is drawn for the whole network',
      received: `dropout ${config.dropout}`,
      expected: 'none',
    });
  }
  const layers = parseSizes('mlpStages', sizes, weights.layers.length, 'layers');
  let next = 0;
  const stages = layers.map((size, index): PipelineStage => {
    const own = weights.layers.slice(next, next + size);
    const part = mlpClassifier({ ...config, sizes: config.sizes.slice(next, next + size + 1) });
    next += size;
    return {
      weights: { layers: own },
      forward: (given, x) => {
        const y = part.forward(given as MlpClassifierWeights, x);
        return index === layers.length - 1 ? y : activations[config.activation](y);
      },
    };
  });
  const whole = (parts: readonly unknown[]): unknown => ({
    layers: parts.flatMap((part) => (part as MlpClassifierWeights<unknown>).layers),
  });
  return { stages, tied: [], whole };
}
