import { z } from 'zod';
import { TrainbookError } from '../error.js';

/*
 * tokenizer.json, the file of Hugging Face's tokenizers: a text goes through added_tokens → normalizer → pre_tokenizer (words) →
 * model (tokens) → post_processor (frame), and back through the decoder:
 *
 * {"version":"1.0","added_tokens":[{"id":0,"content":"<|endoftext|>","special":true,…}],"normalizer":null,
 *  "pre_tokenizer":{"type":"ByteLevel",…},"post_processor":null,"decoder":{"type":"ByteLevel",…},
 *  "model":{"type":"BPE","vocab":{"<|endoftext|>":0,"!":1,…},"merges":[["Ġ","t"],…]}}
 */

/** Token → id. Not `z.record`, which drops the token `__proto__`. */
const vocabulary = z.custom<Readonly<Record<string, number>>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((id) => Number.isInteger(id) && (id as number) >= 0),
  'token → id, a whole number ≥ 0',
);

// "merges": [["Ġ", "t"], ["h", "e"], …] as tokenizers 0.20 and later write them, or ["Ġ t", "h e", …] as before.
const merge = z.union([
  z.tuple([z.string(), z.string()]).readonly(),
  z.string().transform((pair, context): readonly [string, string] => {
    const [left, right, ...rest] = pair.split(' ');
    if (left === undefined || right === undefined || rest.length > 0)
      context.addIssue('a merge is two tokens with a space between');
    return [left ?? '', right ?? ''];
  }),
]);

const absent = z.null().optional();

const bpe = z.looseObject({
  type: z.literal('BPE'),
  vocab: vocabulary,
  merges: z.array(merge).readonly(),
  /** A probability of leaving merges out is for training on it: text has one encoding here. */
  dropout: z.union([absent, z.literal(0)]),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  fuse_unk: z.boolean().default(false),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
});
const wordPiece = z.looseObject({
  type: z.literal('WordPiece'),
  vocab: vocabulary,
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: z.int().positive().default(100),
});
const unigram = z.looseObject({
  type: z.literal('Unigram'),
  /** Pieces with their log probabilities, in the order of their ids. */
  vocab: z
    .array(z.tuple([z.string(), z.number()]).readonly())
    .min(1)
    .readonly(),
  unk_id: z.int().nonnegative().nullish(),
  byte_fallback: z.boolean().default(false),
});
const wordLevel = z.looseObject({ type: z.literal('WordLevel'), vocab: vocabulary, unk_token: z.string() });

const addedToken = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(true),
  special: z.boolean().default(false),
});

/** A part that is told by its type; the package `tokenizers` knows what else belongs to it. */
const part = z.looseObject({ type: z.string() });

const tokenizerJson = z.looseObject({
  version: z.literal('1.0').default('1.0'),
  added_tokens: z.array(addedToken).default([]),
  normalizer: part.nullish(),
  pre_tokenizer: part.nullish(),
  post_processor: part.nullish(),
  decoder: part.nullish(),
  model: z.discriminatedUnion('type', [bpe, wordPiece, unigram, wordLevel]),
});

export type TokenizerJson = z.output<typeof tokenizerJson>;
export type TokenizerModel = TokenizerJson['model'];
export type AddedToken = TokenizerJson['added_tokens'][number];
export type Part = z.output<typeof part>;

/** A tokenizer.json before it is checked: what is left out gets its default. */
export type TokenizerJsonInput = z.input<typeof tokenizerJson>;

// Before tokenizers 0.9 the model had no type.
const kind = z.looseObject({ model: z.looseObject({ type: z.string().optional() }) });

/**
 * Checks that a value is a tokenizer.json of a kind that is understood here.
 *
 * @throws TrainbookError that says which part is not.
 */
export function checkTokenizerJson(value: unknown, source: string): TokenizerJson {
  const parsed = tokenizerJson.safeParse(value);
  if (parsed.success) return parsed.data;
  const named = kind.safeParse(value);
  throw new TrainbookError({
    what: `${source} holds no tokenizer that can be read here`,
    received: `a model of type ${named.success ? (named.data.model.type ?? 'unknown') : 'none'}: ${z.prettifyError(parsed.error)}`,
    expected: 'a tokenizer.json whose model is BPE, WordPiece, Unigram or WordLevel',
  });
}

/** A special token as an entry of `added_tokens`. */
export function specialToken(content: string, id: number): AddedToken {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/** The part of byte-level BPE that is pre-tokenizer and decoder at once. */
export const byteLevelPart: Part = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
