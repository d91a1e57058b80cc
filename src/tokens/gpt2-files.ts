import { TrainbookError } from '../error.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { byteLevelPart, specialToken } from './tokenizer-json.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/*
 * vocab.json: {"!": 0, "\"": 1, …, "Ġthe": 262, …, "<|endoftext|>": 50256}
 *
 * merges.txt, the merge that was learnt first comes first:
 *   #version: 0.2
 *   Ġ t
 *   Ġ a
 *   h e
 */

/** The two files in which GPT-2's tokenizer was published. */
export interface Gpt2Files {
  /** The contents of `vocab.json`. */
  readonly vocab: string;
  /** The contents of `merges.txt`. */
  readonly merges: string;
}

/**
 * The tokenizer of `vocab.json` and `merges.txt`: byte-level BPE with GPT-2's words.
 *
 * @throws TrainbookError if a file is not what it should be; it names the line.
 * @example
 * const tokenizer = readGpt2Files({ vocab: await readFile('vocab.json', 'utf8'), merges: await readFile('merges.txt', 'utf8') });
 */
export function readGpt2Files({ vocab, merges }: Gpt2Files): Tokenizer {
  let table: unknown;
  try {
    table = JSON.parse(vocab);
  } catch (cause) {
    throw new TrainbookError({ what: 'vocab.json is not JSON', received: String(cause), expected: '{"!":0,…}', cause });
  }
  const ends = Object.entries(table as Record<string, number>).filter(([token]) => token === END_OF_TEXT);
  return tokenizerOf({
    added_tokens: ends.map(([token, id]) => specialToken(token, id)),
    normalizer: null,
    pre_tokenizer: byteLevelPart,
    post_processor: null,
    decoder: byteLevelPart,
    model: { type: 'BPE', vocab: table as Record<string, number>, merges: readMerges(merges) },
  });
}

function readMerges(text: string): [string, string][] {
  return text.split('\n').flatMap((line, index): [string, string][] => {
    const trimmed = line.replace(/\r$/u, '');
    if (trimmed === '' || (index === 0 && trimmed.startsWith('#version'))) return [];
    const [left, right, ...rest] = trimmed.split(' ');
    if (left !== undefined && right !== undefined && left !== '' && right !== '' && rest.length === 0)
      return [[left, right]];
    throw new TrainbookError({
      what: `merges.txt: line ${index + 1} is no merge`,
      received: JSON.stringify(trimmed.slice(0, 80)),
      expected: 'two tokens with a space between',
    });
  });
}

/**
 * The same tokenizer as `vocab.json` and `merges.txt`.
 *
 * @throws TrainbookError if it is not byte-level BPE with GPT-2's words: these files cannot say anything else.
 */
export function gpt2Files(tokenizer: Tokenizer): Gpt2Files {
  const contents = JSON.parse(tokenizer.json) as Record<string, { type?: string; use_regex?: boolean } | null>;
  const model = contents['model'] as unknown as {
    type: string;
    vocab: Record<string, number>;
    merges: ([string, string] | string)[];
  };
  const words = contents['pre_tokenizer'];
  const plain = contents['normalizer'] == null && words?.type === 'ByteLevel' && words.use_regex !== false;
  if (model.type !== 'BPE' || !plain) {
    throw new TrainbookError({
      what: 'gpt2Files: vocab.json and merges.txt cannot hold this tokenizer',
      received: `a model of type ${model.type}, words by ${words?.type ?? 'none'}`,
      expected: 'byte-level BPE with GPT-2’s words and no normalizer',
      fix: 'saveTokenizer writes tokenizer.json, which holds every kind',
    });
  }
  const lines = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  return { vocab: JSON.stringify(model.vocab), merges: `#version: 0.2\n${lines.join('\n')}\n` };
}
