import { fold, key, uniformNumbers } from 'trainbook';
import type { GptRecipe } from './gpt-recipe.js';

/** A GPT, and how its whole training loop is measured. A type, not an interface, so that it counts as JSON. */
export type LoopRecipe = GptRecipe & {
  readonly name: string;
  /** Steps of a block. */
  readonly blockSteps: number;
  /** Tokens of the stream that windows are drawn from. */
  readonly streamTokens: number;
};

const sizes = { numBatches: 1, checkSteps: 3, rounds: 5, secondsPerBlock: 0, streamTokens: 1_000_000 };

/** The quickstart's size, and GPT-2 small's. */
export function loopRecipes(quick: boolean): readonly LoopRecipe[] {
  if (quick) {
    const tiny = { layers: 1, width: 32, heads: 2, context: 16, vocabularySize: 65, batchSize: 2 };
    return [{ ...sizes, ...tiny, name: 'tiny', rounds: 2, blockSteps: 3, streamTokens: 2000 }];
  }
  return [
    {
      ...sizes,
      name: 'quickstart size',
      layers: 3,
      width: 192,
      heads: 3,
      context: 128,
      vocabularySize: 1024,
      batchSize: 16,
      blockSteps: 24,
    },
    {
      ...sizes,
      name: '124M',
      layers: 12,
      width: 768,
      heads: 12,
      context: 256,
      vocabularySize: 50257,
      batchSize: 2,
      blockSteps: 2,
    },
  ];
}

/** A stream of tokens drawn by key. Peers read it as uint16. */
export function drawStream({ streamTokens, vocabularySize }: LoopRecipe): Uint16Array {
  const numbers = uniformNumbers(fold(key(1), 'stream'), streamTokens);
  return Uint16Array.from(numbers, (number) => Math.floor(number * vocabularySize));
}
