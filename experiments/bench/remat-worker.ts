import { causalLanguageModel, engineInfo, key, remat, type Batch, type Decoder, type DecoderWeights } from 'trainbook';
import type { BlockParts, BlockWeights } from '../../src/model/block.js';
import type { Training } from '../../src/train/step.js';
import type * as tf from '@tensorflow/tfjs';
import { add, slice } from '@tensorflow/tfjs';
import { embed, geluMlp, layerNorm, mixing, preNormBlock, startTraining, tiedOutput } from './built.js';
import { adamwNumbers, architectureOf, drawBatch, optimizerOf, type GptRecipe } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** Answer to `start`: memory in MB above the RSS after import, null where the system does not tell. */
export type RematStarted = {
  readonly losses: readonly number[];
  readonly peakOfSteps: number | null;
};

let training: Training<DecoderWeights, Batch>;
let batch: Batch;
let step = 0;

export const answers = {
  start: async ({ recipe, remember }: { recipe: GptRecipe; remember: boolean }): Promise<RematStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    const plain = architectureOf(recipe);
    const architecture = remember ? plain : recomputing(plain);
    const weights = architecture.init(key(1));
    training = startTraining(causalLanguageModel()(architecture), { weights, optimizer: optimizerOf(adamwNumbers) });
    batch = drawBatch(recipe, 0);
    const losses: number[] = [];
    while (losses.length < recipe.checkSteps) losses.push((await training.step(batch, ++step)).loss);
    resetPeak();
    await training.step(batch, ++step);
    await training.step(batch, ++step);
    const peak = peakMegabytes();
    return { losses, peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Steps for about so many seconds; seconds per step. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const started = performance.now();
    let numSteps = 0;
    while (numSteps === 0 || performance.now() - started < seconds * 1000) {
      await training.step(batch, ++step);
      numSteps++;
    }
    return (performance.now() - started) / 1000 / numSteps;
  },
};

/** The same GPT with `remat` around each block. */
function recomputing(architecture: Decoder): Decoder {
  const { config } = architecture;
  const { width, heads, context: length } = config;
  const norm = layerNorm(config.normEpsilon);
  const parts: BlockParts = {
    heads: { heads, keyValueHeads: heads, headSize: width / heads, norm },
    norm,
    mlp: geluMlp,
  };
  return {
    ...architecture,
    forward: (weights, tokens) => {
      const time = tokens.shape[1] ?? 0;
      const attention = {
        rotate: (x: tf.Tensor) => x,
        mix: mixing({ causal: true }),
        remember: (keys: tf.Tensor, values: tf.Tensor) => [keys, values] as const,
      };
      const recomputed = remat((layer: BlockWeights, x: tf.Tensor) => preNormBlock(parts, layer, x, { attention }));
      const table = weights.positions['weight'] as tf.Tensor;
      const positions = time === length ? table : slice(table, [0, 0], [time, width]);
      const embedded = add(embed(weights.embedding, tokens), positions);
      const hidden = weights.layers.reduce((x, layer) => recomputed(layer, x), embedded);
      return tiedOutput.logits({}, weights.embedding, norm(weights.norm, hidden)) as tf.Tensor3D;
    },
  };
}
