import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Model } from '../../../src/model/model.js';
import { bind } from '../../../src/tokens/chat.js';
import { chatTemplate, special } from '../../../src/tokens/chat-template.js';
import { tokenizerOf } from '../../../src/tokens/parse-tokenizer.js';
import { specialToken } from '../../../src/tokens/tokenizer-json.js';

const specials = ['<|endoftext|>', '<ask>', '<answer>', '<end>'] as const;
const letters = Array.from('0123456789+');

/** 15 tokens: digits, a plus, and the special ones. */
const tokenizer = tokenizerOf({
  added_tokens: specials.map((text, index) => specialToken(text, letters.length + index)),
  normalizer: null,
  pre_tokenizer: { type: 'Split', pattern: { Regex: '[\\s\\S]' }, behavior: 'Isolated', invert: false },
  post_processor: null,
  decoder: { type: 'Fuse' },
  model: {
    type: 'WordLevel',
    vocab: Object.fromEntries([...letters, ...specials].map((text, id) => [text, id])),
    unk_token: '<unk>',
  },
});

export const template = chatTemplate({
  name: 'tiny',
  order: { first: ['user'], next: { user: ['assistant'], assistant: ['user'] }, answer: 'assistant' },
  turns: { user: { before: [special('<ask>')], after: [] } },
  answer: { before: [special('<answer>')], stop: special('<end>'), after: [] },
});

export const chat = bind(template, tokenizer);

/** A decoder for the chat's tokens, as it is drawn. */
export function tinyModel(): Model {
  const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 12, vocabularySize: tokenizer.size });
  return { architecture, weights: architecture.init(key(1)) };
}

/** Eight sums of two digits. */
export const problems = Array.from({ length: 8 }, (_, index) => ({
  prompt: [{ role: 'user' as const, content: `${index}+${(3 * index) % 10}` }],
  answer: String((index + ((3 * index) % 10)) % 10),
}));
