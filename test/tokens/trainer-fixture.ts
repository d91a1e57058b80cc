import { readFile } from 'node:fs/promises';

// What Hugging Face's Python library learns: fixtures/make_trainers.py.

interface LearntBytePairs {
  readonly vocabularySize: number;
  readonly specialTokens: readonly string[];
  readonly minFrequency: number;
  readonly tokens: readonly string[];
  readonly merges: readonly string[];
}

interface LearntWordPieces {
  readonly vocabularySize: number;
  readonly alphabetLimit: number;
  /** How many different characters the texts have. */
  readonly characters: number;
  readonly tokens: readonly string[];
}

interface LearntPieces {
  readonly vocabularySize: number;
  readonly pieces: readonly (readonly [string, number])[];
  readonly heldOutScore: number;
  readonly heldOutTokens: number;
}

interface Learnt {
  /** Words of two letters: many overlapping pairs. */
  readonly letters: readonly string[];
  readonly bpe: LearntBytePairs;
  readonly bpeLetters: LearntBytePairs;
  readonly wordPiece: LearntWordPieces;
  readonly wordPieceCased: LearntWordPieces;
  readonly unigram: LearntPieces;
}

const read = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(`fixtures/${file}`, import.meta.url), 'utf8'));

/** 52 KB of English, Chinese, TypeScript, emoji and accents. */
export const difficultTexts = ((await read('trainer_texts.json')) as { readonly documents: readonly string[] })
  .documents;

export const learntByPython = (await read('trainers.json')) as Learnt;
