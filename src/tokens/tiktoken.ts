import { TrainbookError } from '../error.js';
import { byteCharacters } from './byte-level.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { byteLevelPart, specialToken } from './tokenizer-json.js';
import type { Tokenizer } from './tokenizer.js';

/*
 * A tiktoken file: a token a line, its bytes in base64, and its rank, which is its id:
 *   IQ== 0
 *   Ig== 1
 */

/** What a tiktoken file does not say. */
export interface TiktokenOptions {
  /** The words that tokens do not cross, as a pattern of Oniguruma. */
  readonly pattern: string;
  /** The normal form that text is brought to first. Default: as it is. */
  readonly normalForm?: 'NFC' | 'NFD' | 'NFKC' | 'NFKD';
  /** Special tokens; their ids follow those of the file. The one that parts documents is the first. */
  readonly specialTokens: readonly string[];
}

/**
 * The tokenizer of a tiktoken file, such as `qwen.tiktoken`: byte-level BPE in which any two neighbours are joined whose bytes
 * together are a token, those of the lowest rank first.
 *
 * @throws TrainbookError for a line that is no token and rank.
 * @example
 * readTiktoken(await readFile('qwen.tiktoken', 'utf8'), { pattern: qwenWords, normalForm: 'NFC', specialTokens: ['<|endoftext|>'] });
 */
export function readTiktoken(text: string, options: TiktokenOptions): Tokenizer {
  const ranks = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [, base64, rank] = /^([A-Za-z0-9+/]+={0,2}) (\d+)\r?$/u.exec(line) ?? [];
    if (base64 === undefined || rank === undefined) {
      throw new TrainbookError({
        what: `tiktoken file: line ${index + 1} is no token`,
        received: JSON.stringify(line.slice(0, 80)),
        expected: 'bytes in base64, a space and a rank',
      });
    }
    const bytes = Buffer.from(base64, 'base64');
    ranks.set(Array.from(bytes, (byte) => byteCharacters[byte] ?? '').join(''), Number(rank));
  }
  const merges = [...ranks]
    .sort(([, a], [, b]) => a - b)
    .flatMap(([token]) => waysToMake(token, ranks))
    .map(({ left, right }): [string, string] => [left, right]);
  const numTokens = [...ranks.values()].reduce((most, rank) => Math.max(most, rank), -1) + 1;
  const special = options.specialTokens.map((token, index): [string, number] => [token, numTokens + index]);
  const [endOfText] = options.specialTokens;
  return tokenizerOf(
    {
      added_tokens: special.map(([token, id]) => specialToken(token, id)),
      normalizer: options.normalForm === undefined ? null : { type: options.normalForm },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: options.pattern }, behavior: 'Isolated', invert: false },
          { ...byteLevelPart, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: byteLevelPart,
      model: { type: 'BPE', ignore_merges: true, vocab: Object.fromEntries(ranks), merges },
    },
    endOfText === undefined ? {} : { endOfText },
  );
}

/** The pairs of tokens that make a token, those with the lowest ids first. */
function waysToMake(token: string, ranks: ReadonlyMap<string, number>): { left: string; right: string }[] {
  const ways: { left: string; right: string; ids: readonly [number, number] }[] = [];
  for (let cut = 1; cut < token.length; cut++) {
    const [left, right] = [token.slice(0, cut), token.slice(cut)];
    const [first, second] = [ranks.get(left), ranks.get(right)];
    if (first !== undefined && second !== undefined) ways.push({ left, right, ids: [first, second] });
  }
  return ways.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
}
