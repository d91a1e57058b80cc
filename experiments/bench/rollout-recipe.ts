import { decoder, fold, key, saveModel, sizesOfDepth, uniformNumbers } from 'trainbook';

/** Answers to write. A type, not an interface, so that it counts as JSON. */
export type RolloutRecipe = {
  readonly name: string;
  /** Prompts that differ; each is answered `answersPerPrompt` times, all in one batch. */
  readonly numPrompts: number;
  readonly answersPerPrompt: number;
  readonly promptTokens: readonly [fewest: number, most: number];
  /** Of every answer: no token ends one. */
  readonly newTokens: number;
  readonly rounds: number;
};

/** A small decoder. A type, not an interface, so that it counts as JSON. */
export type SmallModel = { readonly depth: number; readonly vocabularySize: number; readonly context: number };

/** Puts first weights where both contestants read them, as Hugging Face has them. */
export async function writeSmallModel({ depth, ...sizes }: SmallModel, folder: string): Promise<void> {
  const architecture = decoder({ ...sizesOfDepth(depth), ...sizes });
  await saveModel({ architecture, weights: architecture.init(key(1)) }, folder);
}

/** The prompt of each answer: lengths and tokens drawn evenly by key, equal ones one after another. */
export function drawPrompts(recipe: RolloutRecipe, vocabularySize: number): number[][] {
  const [fewest, most] = recipe.promptTokens;
  const from = fold(key(1), 'prompts');
  return Array.from({ length: recipe.numPrompts }, (_, prompt) => {
    const [first = 0, ...rest] = uniformNumbers(fold(from, prompt), most + 1);
    const length = fewest + Math.floor(first * (most - fewest + 1));
    return rest.slice(0, length).map((number) => Math.floor(number * vocabularySize));
  }).flatMap((prompt) => Array.from({ length: recipe.answersPerPrompt }, () => prompt));
}
