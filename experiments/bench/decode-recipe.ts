import { decoder, fold, gpt2, key, saveModel, uniformNumbers, type Decoder } from 'trainbook';

/** What is decoded. A type, not an interface, so that it counts as JSON. */
export type DecodeRecipe = {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly vocabularySize: number;
  /** Tokens of the prompt, and those generated after it: the context is between the two in the middle of a block. */
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Processes of each contestant, one after the other. */
  readonly rounds: number;
  /** Read to see how fast memory is. */
  readonly bandwidthBytes: number;
  /** Contexts of the table with and without a cache. */
  readonly lengths: readonly number[];
};

/** GPT-2, with learned positions. */
export function architectureOf({ layers, width, heads, vocabularySize }: DecodeRecipe): Decoder {
  return gpt2('small', { layers, width, heads, vocabularySize });
}

/** The same with rotary positions, which reach beyond 1,024 tokens. */
export function longArchitectureOf(recipe: DecodeRecipe): Decoder {
  const { layers, width, heads, vocabularySize, lengths } = recipe;
  const parts = { norm: 'layer', positions: 'rotary', mlp: 'gelu', biases: 'all', tiedEmbeddings: true } as const;
  return decoder({ layers, width, heads, vocabularySize, context: Math.max(...lengths) + 1, ...parts });
}

/** Tokens drawn evenly by key: the speed does not depend on them. */
export function drawTokens({ vocabularySize }: DecodeRecipe, count: number): number[] {
  return Array.from(uniformNumbers(fold(key(1), 'prompt'), count), (number) => Math.floor(number * vocabularySize));
}

/** Puts weights where both contestants read them, as Hugging Face has them: `config.json`, `model.safetensors`. */
export async function writeModel(recipe: DecodeRecipe, folder: string): Promise<void> {
  const architecture = architectureOf(recipe);
  await saveModel({ architecture, weights: architecture.init(key(1)) }, folder);
}
