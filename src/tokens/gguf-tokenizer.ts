import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { pieceTypes, sentencePieceJson } from './sentencepiece.js';
import { byteLevelPart, specialToken } from './tokenizer-json.js';
import type { AddedToken, Part, TokenizerJsonInput } from './tokenizer-json.js';
import type { Tokenizer } from './tokenizer.js';
import { wordPieceJson } from './vocab-txt.js';
import { llama3Words, qwenWords } from './word-patterns.js';

/*
 * The metadata of a GGUF file hold the tokenizer, such as:
 *
 * tokenizer.ggml.model = "gpt2", tokenizer.ggml.pre = "smollm", tokenizer.ggml.tokens = ["<|endoftext|>", …],
 * tokenizer.ggml.token_type = [3, …], tokenizer.ggml.merges = ["Ġ t", …], tokenizer.ggml.eos_token_id = 2
 */

const metadataSchema = z.looseObject({
  'tokenizer.ggml.model': z.string(),
  'tokenizer.ggml.pre': z.string().default('default'),
  'tokenizer.ggml.tokens': z.array(z.string()).min(1),
  'tokenizer.ggml.token_type': z.array(z.int()).optional(),
  'tokenizer.ggml.scores': z.array(z.number()).optional(),
  'tokenizer.ggml.merges': z.array(z.string()).optional(),
  'tokenizer.ggml.bos_token_id': z.int().nonnegative().optional(),
  'tokenizer.ggml.eos_token_id': z.int().nonnegative().optional(),
  'tokenizer.ggml.add_bos_token': z.boolean().optional(),
  'tokenizer.ggml.add_space_prefix': z.boolean().default(true),
  'tokenizer.ggml.remove_extra_whitespaces': z.boolean().default(false),
  'tokenizer.ggml.precompiled_charsmap': z.array(z.number()).optional(),
});
type Metadata = z.output<typeof metadataSchema>;

/** The words of byte-level vocabularies, by the name that `tokenizer.ggml.pre` has for them. */
export const wordsByName: Readonly<Record<string, readonly Part[]>> = {
  default: [byteLevelPart],
  'gpt-2': [byteLevelPart],
  smollm: [{ type: 'Digits', individual_digits: true }, byteLevelPart],
  'llama-bpe': splitBy(llama3Words),
  'llama-v3': splitBy(llama3Words),
  llama3: splitBy(llama3Words),
  qwen2: splitBy(qwenWords),
};

function splitBy(pattern: string): Part[] {
  return [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    { ...byteLevelPart, use_regex: false },
  ];
}

/**
 * The tokenizer that a GGUF file holds in its metadata: byte-level BPE (`gpt2`), SentencePiece (`llama`, `t5`), WordPiece (`bert`).
 *
 * @throws TrainbookError if there is none, or its words are cut in a way that is not known here.
 * @example
 * const tokenizer = ggufTokenizer(file.metadata);
 */
export function ggufTokenizer(metadata: Readonly<Record<string, unknown>>, source = 'the GGUF file'): Tokenizer {
  const parsed = metadataSchema.safeParse(metadata);
  if (!parsed.success) {
    throw new TrainbookError({
      what: `${source} holds no tokenizer that can be read here`,
      received: z.prettifyError(parsed.error),
      expected: 'tokenizer.ggml.model, tokenizer.ggml.tokens and what belongs to them',
    });
  }
  const held = parsed.data;
  const kind = held['tokenizer.ggml.model'];
  const contents = kinds[kind]?.(held, source);
  if (contents === undefined) {
    throw new TrainbookError({
      what: `${source}: no such kind of tokenizer`,
      received: `tokenizer.ggml.model ${JSON.stringify(kind)}`,
      expected: Object.keys(kinds).join(', '),
    });
  }
  const end = held['tokenizer.ggml.tokens'][held['tokenizer.ggml.eos_token_id'] ?? -1];
  return tokenizerOf({ ...contents, ...framed(held) }, end === undefined ? {} : { endOfText: end });
}

/** The token that begins each text, where the file asks for one; SentencePiece's does unless it says otherwise. */
function framed(held: Metadata): Pick<TokenizerJsonInput, 'post_processor'> {
  const id = held['tokenizer.ggml.bos_token_id'];
  const begin = held['tokenizer.ggml.tokens'][id ?? -1];
  const wanted = held['tokenizer.ggml.add_bos_token'] ?? held['tokenizer.ggml.model'] === 'llama';
  if (!wanted || id === undefined || begin === undefined || held['tokenizer.ggml.model'] === 'bert') return {};
  const first = { SpecialToken: { id: begin, type_id: 0 } };
  const text = (name: string): object => ({ Sequence: { id: name, type_id: 0 } });
  return {
    post_processor: {
      type: 'TemplateProcessing',
      single: [first, text('A')],
      pair: [first, text('A'), first, text('B')],
      special_tokens: { [begin]: { id: begin, ids: [id], tokens: [begin] } },
    },
  };
}

const kinds: Readonly<Record<string, (held: Metadata, source: string) => TokenizerJsonInput>> = {
  gpt2: byteLevel,
  llama: (held) => sentencePieceJson(pieces(held, 'bpe')),
  t5: (held) => sentencePieceJson(pieces(held, 'unigram')),
  // Words begin with ▁ there, and what goes on a word has no mark: the other way round than in vocab.txt.
  bert: (held) =>
    wordPieceJson(
      Object.fromEntries(
        held['tokenizer.ggml.tokens'].map((token, id) => [
          /^\[.*\]$/u.test(token) ? token : token.startsWith('▁') ? token.slice(1) : `##${token}`,
          id,
        ]),
      ),
      { lowercase: true },
    ),
};

function byteLevel(held: Metadata, source: string): TokenizerJsonInput {
  const tokens = held['tokenizer.ggml.tokens'];
  const name = held['tokenizer.ggml.pre'];
  const words = wordsByName[name];
  if (words === undefined) {
    throw new TrainbookError({
      what: `${source}: how its tokenizer cuts words is not known here`,
      received: `tokenizer.ggml.pre ${JSON.stringify(name)}`,
      expected: Object.keys(wordsByName).join(', '),
      fix: 'use the tokenizer.json of the model that the file was made from',
    });
  }
  const types = held['tokenizer.ggml.token_type'] ?? [];
  return {
    added_tokens: tokens.flatMap((token, id): AddedToken[] => {
      const type = types[id] ?? pieceTypes.normal;
      if (type !== pieceTypes.control && type !== pieceTypes.userDefined) return [];
      return [{ ...specialToken(token, id), special: type === pieceTypes.control }];
    }),
    normalizer: name === 'qwen2' ? { type: 'NFC' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: words },
    post_processor: null,
    decoder: byteLevelPart,
    model: {
      type: 'BPE',
      ignore_merges: words[0]?.type === 'Split' && name !== 'qwen2',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: held['tokenizer.ggml.merges'] ?? [],
    },
  };
}

function pieces(held: Metadata, kind: 'unigram' | 'bpe'): Parameters<typeof sentencePieceJson>[0] {
  const scores = held['tokenizer.ggml.scores'] ?? [];
  const types = held['tokenizer.ggml.token_type'] ?? [];
  return {
    kind,
    pieces: held['tokenizer.ggml.tokens'].map((piece, id) => ({
      piece,
      score: scores[id] ?? 0,
      type: types[id] ?? pieceTypes.normal,
    })),
    byteFallback: types.includes(pieceTypes.byte),
    endId: held['tokenizer.ggml.eos_token_id'] ?? -1,
    charsmap: Uint8Array.from(held['tokenizer.ggml.precompiled_charsmap'] ?? []),
    dummyPrefix: held['tokenizer.ggml.add_space_prefix'],
    removeExtraSpaces: held['tokenizer.ggml.remove_extra_whitespaces'],
  };
}
