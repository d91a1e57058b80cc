import { TrainbookError } from '../error.js';
import { tokenizerOf } from './parse-tokenizer.js';
import { specialToken } from './tokenizer-json.js';
import type { Part, TokenizerJsonInput } from './tokenizer-json.js';
import type { Tokenizer } from './tokenizer.js';

/*
 * vocab.txt, one token a line; the line's number is its id:
 *   [PAD]
 *   [unused0]
 *   …
 *   the
 *   ##ing
 */

/** How BERT's tokenizers prepare text. */
export interface BertText {
  /** Lower case, and accents off. Default: true (the "uncased" models). */
  readonly lowercase?: boolean;
}

/** BERT's special tokens, as its vocabularies write them. */
const bertSpecial = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/**
 * The tokenizer of a `vocab.txt`: BERT's WordPiece, with `[CLS]` and `[SEP]` around a text.
 *
 * @throws TrainbookError if a token stands twice, or one of `[UNK]`, `[CLS]` and `[SEP]` is missing.
 * @example
 * const tokenizer = readVocabTxt(await readFile('vocab.txt', 'utf8'), { lowercase: true });
 */
export function readVocabTxt(text: string, options: BertText = {}): Tokenizer {
  const lines = text.replace(/\n$/u, '').split('\n');
  const vocab = new Map<string, number>();
  lines.forEach((line, id) => {
    const token = line.replace(/\r$/u, '');
    if (vocab.has(token)) {
      throw new TrainbookError({
        what: `vocab.txt: line ${id + 1} repeats a token`,
        received: JSON.stringify(token),
        expected: `tokens that differ; it stands in line ${(vocab.get(token) ?? 0) + 1} too`,
      });
    }
    vocab.set(token, id);
  });
  return tokenizerOf(wordPieceJson(Object.fromEntries(vocab), options), { endOfText: '[SEP]' });
}

/**
 * BERT's tokenizer.json for a vocabulary.
 *
 * @throws TrainbookError if one of `[UNK]`, `[CLS]` and `[SEP]` is missing.
 */
export function wordPieceJson(
  vocab: Readonly<Record<string, number>>,
  { lowercase = true }: BertText,
): TokenizerJsonInput {
  const id = (token: string): number => {
    const found = vocab[token];
    if (found !== undefined) return found;
    throw new TrainbookError({
      what: 'WordPiece: the vocabulary lacks a special token',
      received: `${Object.keys(vocab).length} tokens without ${token}`,
      expected: '[UNK], [CLS] and [SEP]',
    });
  };
  const needed = ['[UNK]', '[CLS]', '[SEP]'];
  const known = bertSpecial.filter((token) => vocab[token] !== undefined || needed.includes(token));
  return {
    added_tokens: known.map((token) => specialToken(token, id(token))),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: bertFrame(id),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** `[CLS] a [SEP]`, and of two texts `[CLS] a [SEP] b [SEP]`, as a tokenizer.json's post_processor. */
export function bertFrame(idOf: (token: string) => number): Part {
  const token = (id: string, type = 0): object => ({ SpecialToken: { id, type_id: type } });
  const text = (id: string, type = 0): object => ({ Sequence: { id, type_id: type } });
  const single = [token('[CLS]'), text('A'), token('[SEP]')];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, text('B', 1), token('[SEP]', 1)],
    special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }])),
  };
}

/**
 * The same tokenizer as a `vocab.txt`.
 *
 * @throws TrainbookError if it is not WordPiece, or ids are not the numbers of lines.
 */
export function vocabTxt(tokenizer: Tokenizer): string {
  const { model } = JSON.parse(tokenizer.json) as { model: { type: string; vocab: Record<string, number> } };
  const tokens = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
  if (model.type !== 'WordPiece' || tokens.some(([token, id], line) => id !== line || token.includes('\n'))) {
    throw new TrainbookError({
      what: 'vocabTxt: vocab.txt cannot hold this tokenizer',
      received: `a model of type ${model.type} with ${tokens.length} tokens`,
      expected: 'WordPiece with ids from 0 on',
      fix: 'saveTokenizer writes tokenizer.json, which holds every kind',
    });
  }
  return `${tokens.map(([token]) => token).join('\n')}\n`;
}
