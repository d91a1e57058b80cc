import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  fold,
  key,
  llama,
  loadPretrained,
  modelFolder,
  saveModel,
  uniformNumbers,
  type Model,
  type Packed,
} from 'trainbook';
import type { Json } from '../../src/files.js';
import { writeSafetensors } from './built.js';

/** A model and the rows that it is fine-tuned on. A type, not an interface, so that it counts as JSON. */
export type SftRecipe = {
  readonly name: string;
  readonly batchSize: number;
  /** Tokens of a row. */
  readonly context: number;
  readonly vocabularySize: number;
  readonly learningRate: number;
  /** Of LoRA. */
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  /** Parts in which our logits are computed and forgotten. */
  readonly lossChunks: number;
  /** Blocks of each contestant, and the steps of one. */
  readonly rounds: number;
  readonly blockSteps: number;
};

/** SmolLM2-135M, as its adapter is usually trained. */
export function sftRecipe(quick: boolean): SftRecipe {
  const shared = { learningRate: 1e-4, rank: 16, alpha: 32, targets: ['q_proj', 'v_proj'] };
  return quick
    ? {
        ...shared,
        name: 'tiny',
        batchSize: 2,
        context: 16,
        vocabularySize: 65,
        lossChunks: 2,
        rounds: 2,
        blockSteps: 2,
      }
    : {
        ...shared,
        name: 'SmolLM2-135M',
        batchSize: 4,
        context: 256,
        vocabularySize: 49_152,
        lossChunks: 4,
        rounds: 5,
        blockSteps: 2,
      };
}

/** Where its weights come from. */
export function weightsOf(quick: boolean): Json {
  return !quick && hasPublished() ? 'SmolLM2-135M-Instruct' : 'drawn by key(1)';
}

function hasPublished(): boolean {
  try {
    return existsSync(modelFolder('SmolLM2-135M-Instruct'));
  } catch {
    return false; // `trainbook setup --models` fetches them
  }
}

async function modelOf({ vocabularySize, context }: SftRecipe, quick: boolean): Promise<Model> {
  if (!quick && hasPublished()) return (await loadPretrained(modelFolder('SmolLM2-135M-Instruct'))).model;
  const small = { layers: 2, width: 32, heads: 2, keyValueHeads: 1, hidden: 64, context, vocabularySize };
  const architecture = llama('smollm2-135m', quick ? small : {});
  return { architecture, weights: architecture.init(key(1)) };
}

/** Puts model and rows where both contestants read them: a Hugging Face folder, and `rows.safetensors`. */
export async function writeSft(recipe: SftRecipe, quick: boolean, folder: string): Promise<void> {
  await saveModel(await modelOf(recipe, quick), folder);
  const { tokens } = drawRows(recipe);
  const { batchSize, context } = recipe;
  const counted = Int32Array.from(tokens, (_, place) => Number(isCounted(place % context, context)));
  await writeSafetensors(join(folder, 'rows.safetensors'), {
    tensors: new Map([
      ['tokens', { shape: [batchSize, context], elements: tokens }],
      ['counted', { shape: [batchSize, context], elements: counted }],
    ]),
    metadata: {},
  });
}

/** The second half of a row is its answer. */
const isCounted = (place: number, context: number): boolean => place >= context / 2;

/** One batch of rows that are full, drawn evenly by key: the speed does not depend on the tokens. */
function drawRows({ batchSize, context, vocabularySize }: SftRecipe): { readonly tokens: Int32Array } {
  const numbers = uniformNumbers(fold(key(1), 'rows'), batchSize * context);
  return { tokens: Int32Array.from(numbers, (number) => Math.floor(number * vocabularySize)) };
}

/** The same rows as a packing: `context` inputs, as the peer has them, of which the last predicts nothing. */
export function packedRows(recipe: SftRecipe): Packed {
  const { batchSize, context } = recipe;
  const drawn = drawRows(recipe);
  const tokens = new Int32Array(batchSize * (context + 1));
  const weights = new Uint8Array(batchSize * context);
  for (let row = 0; row < batchSize; row++) {
    tokens.set(drawn.tokens.subarray(row * context, (row + 1) * context), row * (context + 1));
    for (let place = 0; place < context - 1; place++)
      weights[row * context + place] = Number(isCounted(place + 1, context));
  }
  const numTokens = weights.reduce((sum, weight) => sum + weight, 0);
  return { context, numRows: batchSize, tokens, weights, numTokens, numBytes: numTokens };
}
