import type * as tf from '@tensorflow/tfjs';
import { imageClassifier } from '../../model/vision/image-classifier.js';
import type { ImageClassifier, ImageClassifierWeights, TrunkWeights } from '../../model/vision/image-classifier.js';
import type { PublishedTrunk } from '../../model/vision/image-trunks.js';
import { interpolateGrid, interpolatePositions } from '../../model/vision/interpolate-positions.js';
import { swin } from '../../model/vision/swin.js';
import type { Swin, SwinWeights } from '../../model/vision/swin.js';
import { vit } from '../../model/vision/vit.js';
import type { ViT, ViTWeights } from '../../model/vision/vit.js';
import type { Grow, GrowState } from './growth.js';

/** What is made of a tensor of a weight's shape: of the weight itself, and of what an optimizer keeps for it. */
type Regrid = (path: string, kept: tf.Tensor) => tf.Tensor;

/**
 * A classifier for images of another size: patches are as large as before, and there are more of them. A ViT's positions are interpolated
 * between those of the smaller grid (`interpolatePositions`). A Swin knows distances within a window alone; where a stage that was one window
 * has a larger one now, its table of biases is interpolated likewise.
 *
 * What the optimizer keeps of these tables is interpolated with them; what kept squares may fall below 0 by a cubic curve, and is cut there.
 *
 * Small images first is a curriculum that costs less: Tan and Le 2021, "EfficientNetV2" (2104.00298), section 4.
 *
 * @throws TrainbookError if a side is not whole patches, or a Swin's stages are not whole windows.
 * @example
 * await trainProgressively(model, {
 *   objective: imageClassification(),
 *   phases: [
 *     { untilStep: 500, data: (options) => imageLoader(resizeImages(train, [14, 14]), { normalisation }, options) },
 *     { untilStep: 800, data: (options) => imageLoader(train, { normalisation }, options), grow: growResolution([28, 28]) },
 *   ],
 *   …
 * });
 */
export function growResolution<Trunk extends PublishedTrunk>(
  image: readonly [height: number, width: number],
): Grow<ImageClassifier<Trunk>, ImageClassifierWeights<TrunkWeights<Trunk>>> {
  return ({ architecture, weights }) => {
    const { trunk, classes } = architecture as unknown as ImageClassifier<PublishedTrunk>;
    const grown = trunk.kind === 'vit' ? largerVit(trunk, image) : largerSwin(trunk, image);
    const given = weights as unknown as ImageClassifierWeights<ViTWeights | SwinWeights>;
    const ofTrunk =
      trunk.kind === 'vit'
        ? grownVitWeights(given.trunk as ViTWeights, grown.regrid)
        : grownSwinWeights(given.trunk as SwinWeights, grown.regrid);
    return {
      architecture: imageClassifier<PublishedTrunk>(grown.trunk, { classes }) as unknown as ImageClassifier<Trunk>,
      weights: { ...given, trunk: ofTrunk } as unknown as ImageClassifierWeights<TrunkWeights<Trunk>>,
      state: stateOf(grown.regrid),
    };
  };
}

/** What an optimizer keeps, on the grid of the weight. Second moments must not fall below 0: where all were at least 0, all are. */
function stateOf(regrid: Regrid): GrowState {
  return (path, before) => {
    const kept = before(path);
    if (kept === undefined || !path.startsWith('trunk.')) return kept;
    const own = regrid(path.slice('trunk.'.length), kept);
    const isNeverNegative = (kept.min().dataSync()[0] ?? 0) >= 0;
    return own !== kept && isNeverNegative ? own.relu() : own;
  };
}

function largerVit(trunk: ViT, image: readonly [number, number]): { trunk: ViT; regrid: Regrid } {
  const grown = vit({ ...trunk.config, image: [...image] });
  return {
    trunk: grown,
    regrid: (path, kept) =>
      path === 'positions' && kept.shape.join() === trunk.specs.positions.shape.join()
        ? interpolatePositions(kept, trunk.grid, grown.grid)
        : kept,
  };
}

function largerSwin(trunk: Swin, image: readonly [number, number]): { trunk: Swin; regrid: Regrid } {
  const grown = swin({ ...trunk.config, image: [...image] });
  return {
    trunk: grown,
    regrid: (path, kept) => {
      const stage = Number(/^stages\.(\d+)\.blocks\.\d+\.relativeBias$/u.exec(path)?.[1] ?? NaN);
      const [before, after] = [trunk.stages[stage]?.window, grown.stages[stage]?.window];
      if (before === undefined || after === undefined || before === after || kept.rank !== 2) return kept;
      const [from, to] = [2 * before - 1, 2 * after - 1];
      return kept.shape[0] === from * from ? interpolateGrid(kept, [from, from], [to, to]) : kept;
    },
  };
}

function grownVitWeights(weights: ViTWeights, regrid: Regrid): ViTWeights {
  return { ...weights, positions: regrid('positions', weights.positions) };
}

function grownSwinWeights(weights: SwinWeights, regrid: Regrid): SwinWeights {
  return {
    ...weights,
    stages: weights.stages.map((stage, index) => ({
      ...stage,
      blocks: stage.blocks.map((block, place) => ({
        ...block,
        relativeBias: regrid(`stages.${index}.blocks.${place}.relativeBias`, block.relativeBias),
      })),
    })),
  };
}
