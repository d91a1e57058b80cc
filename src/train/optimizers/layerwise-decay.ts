/** A model's depth and how fast its rates fall. */
export interface LayerwiseDecay {
  /** Layers of the model. */
  readonly layers: number;
  /** The factor from one layer to the one before it. Usual: 0.65 to 0.95. */
  readonly decay: number;
}

/**
 * The factor of a leaf's learning rate, decay^(layers + 1 − depth): what stands behind the layers (last norm, output, heads) has depth
 * layers + 1 and factor 1, layer i has depth i + 1, tables of embeddings have depth 0. Early layers, which are the most general,
 * change the least in fine-tuning. Howard and Ruder 2018, "ULMFiT" (1801.06146); depths as in BEiT (2106.08254).
 *
 * @example
 * chain(adamw({ learningRate: 1e-4 }), scaleByPath(layerwiseDecay({ layers: 12, decay: 0.9 })));
 */
export function layerwiseDecay({ layers, decay }: LayerwiseDecay): (path: string) => number {
  return (path) => decay ** (layers + 1 - depthOf(path, layers));
}

/** Paths of models are such as `embedding`, `positions.table`, `layers.3.mlp.up.weight`, `trunk.layers.3…`, `output.weight`. */
function depthOf(path: string, layers: number): number {
  const layer = /(?:^|\.)layers\.(\d+)\./.exec(path)?.[1];
  if (layer !== undefined) return Number(layer) + 1;
  return /(?:^|\.)(?:embedding|positions|types|embeddingNorm)(?:\.|$)/.test(path) ? 0 : layers + 1;
}
