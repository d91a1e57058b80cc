import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { startDecoding } from '../../src/model/decoding.js';
import { modelCodec } from '../../src/model/model.js';
import { fittingPrompt, startAnswering } from '../../src/serve/answering.js';
import { startDialogue } from '../../src/serve/dialogue.js';
import { loadPretrained } from '../../src/serve/pretrained.js';
import type { Pretrained } from '../../src/serve/pretrained.js';
import { bind } from '../../src/tokens/chat.js';
import type { Chat } from '../../src/tokens/chat.js';
import { chatMl } from '../../src/tokens/chat-templates.js';
import type { SystemUserAssistant } from '../../src/tokens/chat-templates.js';
import type { Turn } from '../../src/tokens/conversation.js';
import { terminalText } from '../../src/tokens/marked-text.js';

// A Llama of 2 layers with random weights, 48 tokens and a context of 64, whose GGUF file has a ChatML template.
const gguf = fileURLToPath(new URL('../model/fixtures/gguf/smollm2.f32.gguf', import.meta.url));
let pretrained: Pretrained & { readonly chat: Chat<SystemUserAssistant> };
beforeAll(async () => {
  const read = await loadPretrained(join(gguf));
  pretrained = { ...read, chat: bind(chatMl, read.tokenizer) };
});
afterAll(() => {
  modelCodec.dispose?.(pretrained.model);
});

const user = (content: string): Turn => ({ role: 'user', content });
const assistant = (content: string): Turn => ({ role: 'assistant', content });
const silent = (): undefined => undefined;

describe('a prompt that fits', () => {
  // ⟨start⟩ user ⏎ x ⟨end⟩ ⏎ has 6 tokens, ⟨start⟩ assistant ⏎ before an answer 3, y ⟨end⟩ ⏎ 3.
  const length = (...turns: Turn[]): number =>
    fittingPrompt(pretrained.chat, turns, { room: 1000, context: 1000 }).tokens.length;

  it('has all turns while there is room', () => {
    expect(length(user('x'))).toBe(6 + 3);
    expect(length(user('x'), assistant('y'), user('x'))).toBe(6 + 3 + 3 + 6 + 3);
  });

  it('loses its oldest rounds, and keeps the system prompt and the last question', () => {
    const turns = [user('aaa'), assistant('b'), user('cc'), assistant('d'), user('e')];
    const fit = (room: number, ...more: Turn[]) =>
      fittingPrompt(pretrained.chat, [...more, ...turns], { room, context: 64 });
    expect(fit(64).numDropped).toBe(0);
    const two = length(user('cc'), assistant('d'), user('e'));
    expect(fit(two)).toMatchObject({ numDropped: 2 });
    expect(fit(two).tokens).toEqual(fittingPrompt(pretrained.chat, turns.slice(2), { room: 64, context: 64 }).tokens);
    expect(fit(two - 1).numDropped).toBe(4);
    const system = { role: 'system', content: 'x' };
    const left = fit(20, system);
    expect(left.numDropped).toBe(4);
    expect(left.tokens).toHaveLength(length(system, user('e')));
    // The last question may take the room of the answer, but not more than the context.
    expect(fit(1).numDropped).toBe(4);
    expect(() => fittingPrompt(pretrained.chat, [user('q'.repeat(80))], { room: 64, context: 64 })).toThrow(
      /does not fit into the model’s context\n {2}received: 88 tokens/,
    );
  });
});

describe('answers', () => {
  it('at temperature 0 are the likeliest tokens after the prompt, streamed', async () => {
    const answering = startAnswering(pretrained, { key: key(1), temperature: 0, topP: 1, maxTokens: 12 });
    let streamed = '';
    const answer = await answering.next([user('the tin')], (text) => (streamed += text));
    const { chat, model, tokenizer } = pretrained;
    const prompt = [...fittingPrompt(chat, [user('the tin')], { room: 64, context: 64 }).tokens];
    expect(tokenizer.decode(prompt)).toBe('<|im_start|>user\nthe tin<|im_end|>\n<|im_start|>assistant\n');
    const decoding = startDecoding(model, { batch: 1, length: 64 });
    let logits = await decoding.start([prompt]);
    const expected: number[] = [];
    while (expected.length < 12) {
      const likeliest = logits.indexOf(Math.max(...logits));
      if (likeliest === chat.stop) break;
      expected.push(likeliest);
      logits = await decoding.next(Int32Array.of(likeliest));
    }
    decoding.dispose();
    answering.dispose();
    expect(answer).toMatchObject({ numTokens: expected.length, numPromptTokens: prompt.length, numDropped: 0 });
    expect(answer.text).toBe(tokenizer.decode(expected));
    expect(streamed).toBe(answer.text);
  });

  it('stop at each of the stops, at the signal, and where the context is full', async () => {
    const all = { ...pretrained, generation: { stops: Array.from({ length: 48 }, (_, id) => id) } };
    const stopping = startAnswering(all, { key: key(1), temperature: 1, topP: 1, maxTokens: 5 });
    expect(await stopping.next([user('x')], silent)).toMatchObject({ text: '', numTokens: 0, finish: 'stop' });
    stopping.dispose();

    const answering = startAnswering(pretrained, { key: key(3), temperature: 0.7, topP: 1, maxTokens: 500 });
    const cut = new AbortController();
    const stopped = await answering.next(
      [user('x')],
      () => {
        cut.abort();
      },
      cut.signal,
    );
    expect(stopped).toMatchObject({ finish: 'interrupted' });
    expect(stopped.numTokens).toBeLessThan(5);
    const finishes = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const answer = await answering.next([user('x')], silent);
      finishes.add(answer.finish);
      // The token after the last that has a place in the context is still drawn.
      if (answer.finish === 'context') expect(answer.numPromptTokens + answer.numTokens).toBe(65);
      else expect(answer.finish).toBe('stop');
    }
    expect([...finishes]).toContain('context');
    answering.dispose();
  });

  it('equal keys give equal answers, and each answer of a conversation has a key of its own', async () => {
    const talk = async (): Promise<string[]> => {
      const answering = startAnswering(pretrained, { key: key(5), temperature: 1, topP: 0.9, maxTokens: 6 });
      const texts: string[] = [];
      for (const turns of [[user('x')], [user('x')]]) texts.push((await answering.next(turns, silent)).text);
      answering.dispose();
      return texts;
    };
    const first = await talk();
    expect(await talk()).toEqual(first);
    expect(first[0]).not.toBe(first[1]);
  });
});

it('a dialogue keeps turns, takes another system prompt, begins anew, and shows what is learnt', async () => {
  const seen: (readonly Turn[])[] = [];
  const answering = {
    next: (turns: readonly Turn[]) => {
      seen.push(turns);
      if (turns.at(-1)?.content === 'bad') return Promise.reject(new Error('no'));
      return Promise.resolve({ text: 'in', numTokens: 1, numPromptTokens: 1, finish: 'stop', numDropped: 0 } as const);
    },
    dispose: silent,
  };
  const dialogue = startDialogue(pretrained.chat, answering, 'an');
  expect(dialogue.shown()).toBeUndefined();
  await dialogue.ask('the', silent);
  await expect(dialogue.ask('bad', silent)).rejects.toThrow('no');
  dialogue.setSystem(undefined);
  await dialogue.ask('th', silent);
  expect(seen[0]).toEqual([{ role: 'system', content: 'an' }, user('the')]);
  expect(seen[2]).toEqual([user('the'), assistant('in'), user('th')]);
  const shown = dialogue.shown();
  expect(shown && terminalText(shown, false).split('\n').slice(1).join('\n')).toBe(
    [
      '‹<|im_start|>›user\\n\nthe‹<|im_end|>›\\n\n‹<|im_start|>›assistant\\n\n⟦in‹<|im_end|>›⟧\\n\n',
      '‹<|im_start|>›user\\n\nth‹<|im_end|>›\\n\n‹<|im_start|>›assistant\\n\n⟦in‹<|im_end|>›⟧\\n\n',
    ].join(''),
  );
  dialogue.reset();
  expect(dialogue.turns).toEqual([]);
});
