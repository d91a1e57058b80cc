import { TrainbookError } from '../error.js';
import { addedTokenCutter } from './added-tokens.js';
import { decoderOf } from './decoder.js';
import { frameOf } from './frame.js';
import { nativeNormalizer } from './native-parts.js';
import { checkTokenizerJson } from './tokenizer-json.js';
import type { Part, TokenizerJson, TokenizerJsonInput } from './tokenizer-json.js';
import { tokenizerModel, vocabularyOf } from './tokenizer-model.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';
import { isAscii, wordsOf } from './words.js';

/** What a tokenizer.json does not say. */
export interface TokenizerOptions {
  /** How the token that parts documents is written. Default: the first of the usual names that the vocabulary has. */
  readonly endOfText?: string;
}

/** The usual names of the token that ends a text, in the order in which they are looked for. */
const usualEnds = [END_OF_TEXT, '</s>', '<|end_of_text|>', '<|im_end|>', '<eos>', '[SEP]'];

/** The tokens of words seen before are kept for as many words as this. */
const CACHED_WORDS = 200_000;
const LONGEST_CACHED = 64;

/**
 * The tokenizer of a `tokenizer.json`. Its ids are those of Hugging Face's tokenizers. (A half surrogate pair, which no file can
 * hold, is encoded as U+FFFD.) Truncation and padding that the file asks for are left to the batches.
 *
 * @throws TrainbookError if it is no JSON, of a kind that is not known, or not whole.
 * @example
 * const tokenizer = parseTokenizer(await readFile('tokenizer.json', 'utf8'));
 */
export function parseTokenizer(json: string, source = 'tokenizer.json', options: TokenizerOptions = {}): Tokenizer {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new TrainbookError({
      what: `${source} is not JSON`,
      received: String(cause),
      expected: 'a tokenizer.json',
      cause,
    });
  }
  return build(checkTokenizerJson(value, source), json, source, options);
}

/**
 * The tokenizer of the contents of a `tokenizer.json`.
 *
 * @throws TrainbookError if they are not whole.
 */
export function tokenizerOf(contents: TokenizerJsonInput, options: TokenizerOptions = {}): Tokenizer {
  const source = 'tokenizer.json';
  return build(checkTokenizerJson(contents, source), JSON.stringify(contents), source, options);
}

function build(value: TokenizerJson, json: string, source: string, options: TokenizerOptions): Tokenizer {
  const tokens = tokensById(value, source);
  const special = new Map(value.added_tokens.filter((token) => token.special).map(({ content, id }) => [content, id]));
  const endOfText = endOfTextId(special, value, source, options.endOfText);
  const normalise = normaliser(value.normalizer);
  const stretches = addedTokenCutter(value.added_tokens, normalise);
  const { cut, byteLevel } = wordsOf(value.pre_tokenizer);
  const tokenize = cached(tokenizerModel(value.model, byteLevel));
  const join = decoderOf(value.decoder);
  return {
    size: tokens.length,
    endOfText,
    special,
    token: (id) => tokens[id],
    encode(text, { special: recognise = false } = {}) {
      const ids: number[] = [];
      for (const stretch of stretches(text, recognise)) {
        if ('id' in stretch) ids.push(stretch.id);
        else for (const word of cut(stretch.text, stretch.first)) for (const id of tokenize(word)) ids.push(id);
      }
      return ids;
    },
    decode: (ids) =>
      join(
        Array.from(ids, (id) => {
          const token = tokens[id];
          if (token !== undefined) return token;
          throw new TrainbookError({
            what: 'decode: no such token',
            received: id,
            expected: `an integer from 0 to ${tokens.length - 1}`,
          });
        }),
      ),
    frame: frameOf(value.post_processor),
    json,
  };
}

/** How each token is written, by its id. Ids that stand for nothing are holes. */
function tokensById(value: TokenizerJson, source: string): readonly (string | undefined)[] {
  const tokens: (string | undefined)[] = [];
  const put = (token: string, id: number): void => {
    if (id > MOST_TOKENS) throw unsound(source, `the id ${id} of ${JSON.stringify(token)}`);
    const before = tokens[id];
    if (before !== undefined && before !== token)
      throw unsound(source, `the id ${id} of both ${JSON.stringify(before)} and ${JSON.stringify(token)}`);
    while (tokens.length <= id) tokens.push(undefined);
    tokens[id] = token;
  };
  for (const [token, id] of vocabularyOf(value.model)) put(token, id);
  for (const { content, id } of value.added_tokens) put(content, id);
  if (tokens.length === 0) throw unsound(source, 'no token');
  return tokens;
}

/** A hostile id must not fill memory; the largest vocabularies have a quarter of a million. */
const MOST_TOKENS = 10_000_000;

function unsound(source: string, received: string): TrainbookError {
  return new TrainbookError({
    what: `${source}: the vocabulary is not whole`,
    received,
    expected: `tokens, each with an id of its own, none above ${MOST_TOKENS}`,
  });
}

function endOfTextId(
  special: ReadonlyMap<string, number>,
  value: TokenizerJson,
  source: string,
  wanted: string | undefined,
): number {
  const names = wanted === undefined ? usualEnds : [wanted];
  for (const table of [special, new Map(vocabularyOf(value.model))]) {
    for (const name of names) {
      const id = table.get(name);
      if (id !== undefined) return id;
    }
  }
  throw new TrainbookError({
    what: `${source}: no token that ends a text`,
    received:
      wanted ?? (`the special tokens ${[...special.keys()].slice(0, 20).join(' ')}`.trim() || 'no special token'),
    expected: `a token of the vocabulary, such as ${usualEnds.join(', ')}`,
    fix: "name it: { endOfText: '…' }",
  });
}

/** Normalizers are Hugging Face's library's; what the usual ones do to ASCII is done here, many times as fast. */
function normaliser(part: Part | null | undefined): (text: string) => string {
  if (part === null || part === undefined) return (text) => text;
  const normalise = nativeNormalizer(part);
  const script = part.type === 'BertNormalizer' ? bertAscii(part) : /^NFK?[CD]$/u.test(part.type) ? same : undefined;
  return script === undefined ? normalise : (text) => (isAscii(text) ? script(text) : normalise(text));
}

const same = (text: string): string => text; // ASCII is in all four normal forms

function bertAscii(part: Part): (text: string) => string {
  const spaced = part['clean_text'] === false ? same : (text: string) => text.replace(/[\t\n\r]/gu, ' ');
  return part['lowercase'] === false ? spaced : (text) => spaced(text).toLowerCase();
}

function cached(tokenize: (word: string) => readonly number[]): (word: string) => readonly number[] {
  const known = new Map<string, readonly number[]>();
  return (word) => {
    if (word.length > LONGEST_CACHED) return tokenize(word);
    let found = known.get(word);
    if (found === undefined) {
      found = tokenize(word);
      if (known.size >= CACHED_WORDS) known.clear();
      known.set(word, found);
    }
    return found;
  };
}
