import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { byteCharacters, bytesOfToken, wordPattern } from './byte-level.js';
import { END_OF_TEXT, endOfTextEntry } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

// "merges": [["Ġ", "t"], ["h", "e"], …] as tokenizers 0.20 and later write them, or ["Ġ t", "h e", …] as before.
const mergeSchema = z.union([
  z.tuple([z.string(), z.string()]),
  z.string().transform((pair, context): [string, string] => {
    const [left, right, ...rest] = pair.split(' ');
    if (left === undefined || right === undefined || rest.length > 0)
      context.addIssue('a merge is two tokens with a space between');
    return [left ?? '', right ?? ''];
  }),
]);

/** What must stand in a `tokenizer.json` of byte-level BPE for it to mean what `byteLevelBpe` does. */
export const byteLevelBpeJson = z.looseObject({
  normalizer: z.null(),
  pre_tokenizer: z.looseObject({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.literal(false),
    use_regex: z.literal(true).optional(),
  }),
  added_tokens: z.array(z.looseObject({ content: z.literal(END_OF_TEXT) })).length(1),
  model: z.looseObject({
    type: z.literal('BPE'),
    vocab: z.record(z.string(), z.int().nonnegative()),
    merges: z.array(mergeSchema),
  }),
});

/** The ids of words seen before are kept for as many words as this. */
const CACHED_WORDS = 200_000;

/**
 * Byte-level byte-pair encoding: a text is cut into words, a word into its UTF-8 bytes, and of neighbouring tokens those are
 * joined first whose merge was learnt first. Any well-formed text comes back exactly. (A half surrogate pair, which no file
 * can hold, comes back as U+FFFD.)
 *
 * Sennrich, Haddow, Birch 2016 (1508.07909); on bytes: Radford et al. 2019 (GPT-2). Ids are those of Hugging Face's
 * tokenizers, with one difference on purpose: `<|endoftext|>` within a text is encoded as the characters it is written with, so
 * that no text can end a document.
 *
 * @param vocab Each token, in the byte-level alphabet, with its id: all 256 bytes, the result of each merge and `<|endoftext|>`.
 * @param merges Pairs of tokens, the first learnt first.
 * @throws TrainbookError if a byte, the result of a merge or an id is missing.
 */
export function byteLevelBpe(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
): Tokenizer {
  const table = new Map(Object.entries(vocab));
  const size = table.size;
  const tokens = tokensById(table, size);
  const idOf = (token: string): number => {
    const id = table.get(token);
    if (id === undefined) throw unsound(`no token ${JSON.stringify(token)}`);
    return id;
  };
  const endOfText = idOf(END_OF_TEXT);
  const byteIds = Int32Array.from(byteCharacters, idOf);
  // Left and right id as one number (size² < 2⁵³) → the rank of their merge and what it makes.
  const ranks = new Map<number, { readonly rank: number; readonly id: number }>();
  merges.forEach(([left, right], rank) => {
    const pair = idOf(left) * size + idOf(right);
    if (!ranks.has(pair)) ranks.set(pair, { rank, id: idOf(left + right) });
  });
  const known = new Map<string, readonly number[]>();

  const encodeWord = (word: string): readonly number[] => {
    const ids = Array.from(Buffer.from(word), (byte) => byteIds[byte] ?? 0);
    for (;;) {
      let best: { readonly rank: number; readonly id: number } | undefined;
      let place = 0;
      for (let index = 0; index + 1 < ids.length; index++) {
        const merge = ranks.get((ids[index] ?? 0) * size + (ids[index + 1] ?? 0));
        if (merge !== undefined && (best === undefined || merge.rank < best.rank)) {
          best = merge;
          place = index;
        }
      }
      if (best === undefined) return ids;
      ids.splice(place, 2, best.id);
    }
  };

  return {
    size,
    endOfText,
    special: new Map([[END_OF_TEXT, endOfText]]),
    encode(text) {
      const ids: number[] = [];
      for (const [word] of text.matchAll(wordPattern)) {
        let found = known.get(word);
        if (found === undefined) {
          found = encodeWord(word);
          if (known.size >= CACHED_WORDS) known.clear();
          known.set(word, found);
        }
        for (const id of found) ids.push(id);
      }
      return ids;
    },
    decode(ids) {
      const parts: Uint8Array[] = [];
      for (let index = 0; index < ids.length; index++) {
        const id = ids[index] ?? -1;
        const bytes = tokens[id];
        if (bytes === undefined) {
          throw new TrainbookError({
            what: 'decode: no such token',
            received: id,
            expected: `an integer from 0 to ${size - 1}`,
          });
        }
        parts.push(bytes);
      }
      return Buffer.concat(parts).toString('utf8');
    },
    json: writeJson(vocab, merges, endOfText),
  };
}

/** The bytes of each token. */
function tokensById(table: ReadonlyMap<string, number>, size: number): readonly Uint8Array[] {
  const tokens = new Array<Uint8Array | undefined>(size).fill(undefined);
  for (const [token, id] of table) {
    const bytes = token === END_OF_TEXT ? Buffer.from(END_OF_TEXT) : bytesOfToken(token);
    if (bytes === undefined) throw unsound(`${JSON.stringify(token)} is not in the byte-level alphabet`);
    if (id >= size || tokens[id] !== undefined) throw unsound(`id ${id} of ${JSON.stringify(token)} is out of order`);
    tokens[id] = bytes;
  }
  return tokens.map((bytes) => bytes ?? new Uint8Array(0));
}

function unsound(received: string): TrainbookError {
  return new TrainbookError({
    what: 'byteLevelBpe: the vocabulary is not whole',
    received,
    expected: `256 bytes, the result of each merge and ${END_OF_TEXT}, with ids from 0 on`,
  });
}

function writeJson(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
  endOfText: number,
): string {
  const byteLevelPart = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [endOfTextEntry(endOfText)],
    normalizer: null,
    pre_tokenizer: byteLevelPart,
    post_processor: null,
    decoder: byteLevelPart,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  });
}
