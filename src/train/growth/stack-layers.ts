import { TrainbookError } from '../../error.js';
import { decoder } from '../../model/decoder.js';
import type { Decoder } from '../../model/decoder.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { Grow, GrowState } from './growth.js';

/**
 * Progressive stacking: the L layers of a decoder `times` over, layer i + L a copy of layer i. Another function than before, whose loss
 * soon falls below that of a deep model trained as long from the start: Gong 2019, "Efficient Training of BERT by Progressively
 * Stacking" (ICML).
 *
 * What the optimizer keeps is copied with the layers. Zeros would be wrong for Adam: its bias correction counts from the first step of
 * the training, so late zeros are not corrected, and the first updates would be (1 − β₁) / √(1 − β₂) times the learning rate: three
 * times, at β₂ = 0.999. The scale of a layer's gradients is nearly its copy's.
 *
 * @throws TrainbookError if `times` is not an integer of at least 2.
 * @example
 * const { architecture, weights } = stackLayers()(model); // 3 layers become 6: 0 1 2 0 1 2
 */
export function stackLayers({ times = 2 }: { readonly times?: number } = {}): Grow<Decoder, DecoderWeights> {
  if (!Number.isInteger(times) || times < 2) {
    throw new TrainbookError({ what: 'stackLayers: times', received: times, expected: 'an integer of at least 2' });
  }
  return ({ architecture: { config }, weights }) => {
    const { layers, experts } = config;
    if (experts !== undefined && experts.fromLayer > 0) {
      throw new TrainbookError({
        what: 'stackLayers: dense layers would stand between those with experts',
        received: `experts.fromLayer ${experts.fromLayer}`,
        expected: 'experts in all layers, or in none',
        fix: 'use expandBlocks, which keeps the order of layers',
      });
    }
    const sources = Array.from({ length: times * layers }, (_, layer) => layer % layers);
    return {
      architecture: decoder({ ...config, layers: sources.length }),
      weights: { ...weights, layers: sources.map((source) => layerOf(weights, source)) },
      state: fromLayers(sources),
    };
  };
}

/** A state in which layer i is what was kept for layer `sources[i]` before. */
export function fromLayers(sources: readonly number[]): GrowState {
  return (path, before) =>
    before(path.replace(/^layers\.(\d+)\./, (_, layer: string) => `layers.${sources[Number(layer)] ?? layer}.`));
}

/** A layer that is there. */
export function layerOf({ layers }: DecoderWeights, layer: number): DecoderWeights['layers'][number] {
  const found = layers[layer];
  if (found === undefined) throw new Error(`internal: there is no layer ${layer}`);
  return found;
}
