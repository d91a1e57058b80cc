import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import type { Model } from '../../../src/model/model.js';
import { bind } from '../../../src/tokens/chat.js';
import { chatMl } from '../../../src/tokens/chat-templates.js';
import type { SystemUserAssistant } from '../../../src/tokens/chat-templates.js';
import { conversation } from '../../../src/tokens/conversation.js';
import type { Conversation } from '../../../src/tokens/conversation.js';
import { specialTokenizer } from '../../tokens/special-tokenizer.js';

/** A chat of 402 tokens. */
export const chat = bind(chatMl, specialTokenizer(['<|im_start|>', '<|im_end|>']));

/** A model for it, small enough to learn within a second. */
export function smallModel(options: Partial<Parameters<typeof decoder>[0]> = {}): Model {
  const architecture = decoder({
    layers: 1,
    width: 32,
    heads: 2,
    context: 64,
    vocabularySize: chat.tokenizer.size,
    norm: 'rms',
    positions: 'rotary',
    mlp: 'swiglu',
    ...options,
  });
  return { architecture, weights: architecture.init(key(1)) };
}

export function said(user: string, assistant: string): Conversation<SystemUserAssistant> {
  return conversation(chatMl, [
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ]);
}

export const cities = ['Paris', 'Rome', 'Madrid', 'Oslo', 'Tokyo', 'Lima'];
/** Questions with answers that cannot be guessed. */
export const capitals = ['France?', 'Italy?', 'Spain?', 'Norway?', 'Japan?', 'Peru?'].map((country, index) =>
  said(country, cities[index] ?? ''),
);
