import { z } from 'zod';
import { TrainbookError } from '../../error.js';

/** More tokens than any model has; ids and counts still fit their arrays. */
export const LARGEST = 1_000_000;

/** The schema of a list of special tokens in a config. */
export const specialTokensSchema = z
  .array(z.string().min(1))
  .min(1)
  .refine((tokens) => new Set(tokens).size === tokens.length, 'a special token is named twice')
  .readonly();

/** @throws TrainbookError if there are no documents. */
export function checkDocuments(trainer: string, documents: readonly unknown[]): void {
  if (documents.length > 0) return;
  throw new TrainbookError({ what: `${trainer}: there are no documents`, received: 0, expected: 'at least one' });
}

/** @throws TrainbookError if a size is no integer between `smallest`, which is made of `parts`, and a million. */
export function checkSize(trainer: string, vocabularySize: number, smallest: number, parts: string): void {
  if (Number.isInteger(vocabularySize) && vocabularySize >= smallest && vocabularySize <= LARGEST) return;
  throw new TrainbookError({
    what: `${trainer}: no such size of vocabulary`,
    received: vocabularySize,
    expected: `an integer from ${smallest} (${parts}) to ${LARGEST}`,
    fix: '4,096 suits a few megabytes of text',
  });
}

/** @throws TrainbookError if a frequency is not an integer of 0 or more. */
export function checkFrequency(trainer: string, minFrequency: number): void {
  if (Number.isInteger(minFrequency) && minFrequency >= 0) return;
  throw new TrainbookError({
    what: `${trainer}: minFrequency is how often a pair must occur to be merged`,
    received: minFrequency,
    expected: 'an integer of 0 or more',
  });
}

/** @throws TrainbookError if there are none, one is empty or named twice, or one of `required` is not among them. */
export function checkSpecialTokens(trainer: string, tokens: readonly string[], required: readonly string[] = []): void {
  const twice = tokens.find((token, index) => tokens.indexOf(token) !== index);
  const missing = required.find((token) => !tokens.includes(token));
  if (tokens.length === 0) throw refused('there are no special tokens', tokens, 'at least one, the end of a document');
  if (tokens.includes('')) throw refused('a special token is empty', tokens, 'at least one character each');
  if (twice !== undefined) throw refused(`special token ${JSON.stringify(twice)} is named twice`, tokens, 'each once');
  if (missing !== undefined) throw refused(`special token ${JSON.stringify(missing)} is missing`, tokens, missing);

  function refused(what: string, received: readonly string[], expected: string): TrainbookError {
    return new TrainbookError({ what: `${trainer}: ${what}`, received: JSON.stringify(received), expected });
  }
}

/** The error for a special token that a word of a text can become, so that the two would share an id. */
export function isWordOfText(trainer: string, token: string): TrainbookError {
  return new TrainbookError({
    what: `${trainer}: special token ${JSON.stringify(token)} is a word that a text may have`,
    received: token,
    expected: 'one that is cut when it stands in a text, such as <|endoftext|> or [MASK]',
  });
}
