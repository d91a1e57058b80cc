import { join } from 'node:path';
import {
  addWeightDecay,
  chain,
  constant,
  decoder,
  fold,
  key,
  saveModel,
  scaleByAdam,
  scaleByLearningRate,
  uniformNumbers,
  type Batch,
  type Decoder,
  type Optimizer,
} from 'trainbook';
import { writeSafetensors } from './built.js';

/** Sizes of a GPT and of its batches. A type, not an interface, so that it counts as JSON. */
export type GptRecipe = {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly context: number;
  readonly vocabularySize: number;
  readonly batchSize: number;
  /** Batches are drawn once and taken in turn. */
  readonly numBatches: number;
  /** Steps whose losses are compared. */
  readonly checkSteps: number;
  /** Blocks of each contestant, and the shortest time of one. */
  readonly rounds: number;
  readonly secondsPerBlock: number;
};

/** AdamW, decay on matrices only, gradients not clipped; `gpt_peer.py` reads the same numbers. */
export const adamwNumbers = { learningRate: 3e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 } as const;

/** As our `adamw`, but without the clipping. */
export function optimizerOf(numbers: typeof adamwNumbers): Optimizer {
  return chain(
    scaleByAdam(numbers),
    addWeightDecay(numbers.weightDecay),
    scaleByLearningRate(constant(numbers.learningRate)),
  );
}

/** GPT-2's parts without biases: LayerNorm, learned positions, GELU (tanh), tied embedding. */
export function architectureOf({ layers, width, heads, context, vocabularySize }: GptRecipe): Decoder {
  const parts = { norm: 'layer', positions: 'learned', mlp: 'gelu', tiedEmbeddings: true } as const;
  return decoder({ layers, width, heads, context, vocabularySize, ...parts });
}

/** Tokens drawn evenly by key: the speed does not depend on them. */
export function drawBatch({ vocabularySize, batchSize, context }: GptRecipe, index: number): Batch {
  const draw = (name: string): Int32Array =>
    Int32Array.from(uniformNumbers(fold(fold(key(1), name), index), batchSize * context), (number) =>
      Math.floor(number * vocabularySize),
    );
  const weights = new Float32Array(batchSize * context).fill(1);
  return { inputs: draw('inputs'), targets: draw('targets'), weights, batchSize, context };
}

/** Puts first weights and batches where all contestants read them: `model.safetensors`, `batches.safetensors`. */
export async function writeStart(recipe: GptRecipe, folder: string): Promise<void> {
  const architecture = architectureOf(recipe);
  await saveModel({ architecture, weights: architecture.init(key(1)) }, folder);
  const { numBatches, batchSize, context } = recipe;
  const batches = Array.from({ length: numBatches }, (_, index) => drawBatch(recipe, index));
  const joined = (name: 'inputs' | 'targets'): Int32Array => {
    const tokens = new Int32Array(numBatches * batchSize * context);
    batches.forEach((batch, index) => {
      tokens.set(batch[name], index * batchSize * context);
    });
    return tokens;
  };
  const shape = [numBatches, batchSize, context];
  const tensors = new Map((['inputs', 'targets'] as const).map((name) => [name, { shape, elements: joined(name) }]));
  await writeSafetensors(join(folder, 'batches.safetensors'), { tensors, metadata: {} });
}
