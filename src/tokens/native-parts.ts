import { createRequire } from 'node:module';
import { TrainbookError } from '../error.js';
import type { Part } from './tokenizer-json.js';

/** What the package `tokenizers` (Hugging Face's own library) does with parts of a tokenizer.json, one text at a time. */
interface NativeTokenizer {
  getNormalizer(): { normalizeString(text: string): string } | null;
  getPreTokenizer(): { preTokenizeString(text: string): [word: string, span: [number, number]][] } | null;
  getDecoder(): { decode(tokens: string[]): string } | null;
}
interface Native {
  readonly Tokenizer: { fromString(json: string): NativeTokenizer };
}

let loaded: Native | undefined;

/** The package is a library of 10 MB: it is loaded when a tokenizer first needs it. */
function native(): Native {
  try {
    loaded ??= createRequire(import.meta.url)('tokenizers') as Native;
    return loaded;
  } catch (cause) {
    throw new TrainbookError({
      what: 'this tokenizer needs the package tokenizers, which does not load',
      received: cause instanceof Error ? cause.message : String(cause),
      expected: 'tokenizers 0.23.2 for this system',
      fix: 'npm install tokenizers@0.23.2',
      cause,
    });
  }
}

function tokenizerWith(place: 'normalizer' | 'pre_tokenizer' | 'decoder', part: Part): NativeTokenizer {
  const empty = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    ...empty,
    [place]: part,
    model: { type: 'WordLevel', vocab: {}, unk_token: '' },
  };
  try {
    return native().Tokenizer.fromString(JSON.stringify(json));
  } catch (cause) {
    if (cause instanceof TrainbookError) throw cause;
    throw new TrainbookError({
      what: `the tokenizer's ${place} is not one`,
      received: `${JSON.stringify(part).slice(0, 200)}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: `a ${place} that tokenizers 0.23.2 knows`,
      cause,
    });
  }
}

/** A normalizer as Hugging Face's library runs it: text → text. */
export function nativeNormalizer(part: Part): (text: string) => string {
  const normalizer = tokenizerWith('normalizer', part).getNormalizer();
  return (text) => normalizer?.normalizeString(text) ?? text;
}

/** A pre-tokenizer as Hugging Face's library runs it: text → words. */
export function nativeWords(part: Part): (text: string) => string[] {
  const preTokenizer = tokenizerWith('pre_tokenizer', part).getPreTokenizer();
  return (text) => preTokenizer?.preTokenizeString(text).map(([word]) => word) ?? [text];
}

/** A decoder as Hugging Face's library runs it: tokens → text. */
export function nativeDecoder(part: Part): (tokens: string[]) => string {
  const decoder = tokenizerWith('decoder', part).getDecoder();
  return (tokens) => decoder?.decode(tokens) ?? tokens.join(' ');
}
