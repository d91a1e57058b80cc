import { TrainbookError } from '../../error.js';

/** A model's depth and how fast its rates fall. */
export interface LayerwiseDecay {
  /** Layers of the model; of one in stages (Swin) the blocks of each stage, such as [2, 2, 6, 2]. */
  readonly layers: number | readonly number[];
  /** The factor from one layer to the one before it. Usual: 0.65 to 0.95. */
  readonly decay: number;
}

/**
 * The factor of a leaf's learning rate, decay^(layers + 1 − depth): what stands behind the layers (last norm, output, heads) has depth
 * layers + 1 and factor 1, layer i has depth i + 1, tables of embeddings and the cutting of patches have depth 0. Early layers, which are the
 * most general, change the least in fine-tuning. Howard and Ruder 2018, "ULMFiT" (1801.06146); depths as in BEiT (2106.08254), and over stages
 * as in SimMIM (2111.09886): what merges patches is as deep as the block before it.
 *
 * @throws TrainbookError if a path is of a layer or a stage that the model is not said to have: when the optimizer first meets it.
 * @example
 * chain(adamw({ learningRate: 1e-4 }), scaleByPath(layerwiseDecay({ layers: 12, decay: 0.9 })));
 */
export function layerwiseDecay({ layers, decay }: LayerwiseDecay): (path: string) => number {
  const stages = typeof layers === 'number' ? [layers] : layers;
  const all = blocksBefore(stages, stages.length);
  return (path) => decay ** (all + 1 - depthOf(path, stages));
}

/**
 * Paths of models are such as `embedding`, `positions.table`, `patches.weight`, `layers.3.mlp.up.weight`, `trunk.layers.3…`,
 * `stages.1.blocks.0…`, `stages.1.merging…`, `output.weight`.
 */
function depthOf(path: string, stages: readonly number[]): number {
  const parts = /(?:^|\.)(?:layers\.(?<layer>\d+)|stages\.(?<stage>\d+)\.(?:blocks\.(?<block>\d+)|merging))\./.exec(
    path,
  );
  if (parts !== null) {
    const { layer, stage = '0', block = layer } = parts.groups ?? {};
    const blocks = stages[Number(stage)] ?? 0;
    const depth = block === undefined ? blocks : Number(block) + 1;
    if (depth > blocks || blocks === 0) {
      throw new TrainbookError({
        what: 'layerwiseDecay: the model has layers that it was not said to have',
        received: path,
        expected: `layers: ${stages.join(', ')}`,
        fix: 'layers: as many as the model has; the blocks of each stage, such as [2, 2, 6, 2], where it has stages',
      });
    }
    return blocksBefore(stages, Number(stage)) + depth;
  }
  const first = /(?:^|\.)(?:embedding|positions|types|embeddingNorm|patches|patchNorm|classToken)(?:\.|$)/;
  return first.test(path) ? 0 : blocksBefore(stages, stages.length) + 1;
}

function blocksBefore(stages: readonly number[], stage: number): number {
  return stages.slice(0, stage).reduce((sum, blocks) => sum + blocks, 0);
}
