import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { writeAtomic } from '../files.js';
import type { Codec } from '../files.js';
import { byteLevelBpe, byteLevelBpeJson } from './bpe.js';
import { characters, charactersJson } from './characters.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

const kindSchema = z.looseObject({ model: z.looseObject({ type: z.string() }) });

/**
 * The tokenizer of a `tokenizer.json`: byte-level BPE as `trainBpe` makes it, or characters as `characterTokenizer` does.
 *
 * @throws TrainbookError for any other kind, or a file that is none.
 */
export function parseTokenizer(json: string, path = 'tokenizer.json'): Tokenizer {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new TrainbookError({
      what: `${path} is not JSON`,
      received: String(cause),
      expected: 'a tokenizer.json',
      cause,
    });
  }
  const bpe = byteLevelBpeJson.safeParse(value);
  if (bpe.success) return byteLevelBpe(bpe.data.model.vocab, bpe.data.model.merges);
  const single = charactersJson.safeParse(value);
  if (single.success) return characters(single.data.model.vocab);
  const kind = kindSchema.safeParse(value);
  const type = kind.success ? kind.data.model.type : 'none';
  throw new TrainbookError({
    what: `${path} holds no tokenizer that can be read here`,
    received: `a model of type ${type}: ${z.prettifyError(type === 'BPE' ? bpe.error : single.error)}`,
    expected: `byte-level BPE with ${END_OF_TEXT}, or single characters (WordLevel)`,
  });
}

/** Keeps a tokenizer in a folder, as `tokenizer.json`. */
export const tokenizerCodec: Codec<Tokenizer> = {
  kind: 'tokenizer',
  is: (value): value is Tokenizer =>
    typeof value === 'object' &&
    value !== null &&
    'encode' in value &&
    'decode' in value &&
    'endOfText' in value &&
    'json' in value,
  write: (tokenizer, folder) => writeAtomic(join(folder, 'tokenizer.json'), tokenizer.json),
  async read(folder) {
    const path = join(folder, 'tokenizer.json');
    return parseTokenizer(await readFile(path, 'utf8'), path);
  },
  summarise(tokenizer) {
    const last = Array.from({ length: Math.min(40, tokenizer.size) }, (_, index) => tokenizer.size - 1 - index);
    return {
      title: 'Tokenizer',
      facts: { 'tokens in the vocabulary': tokenizer.size },
      texts: [{ title: 'The last tokens', text: last.map((id) => JSON.stringify(tokenizer.decode([id]))).join(' ') }],
    };
  },
};
