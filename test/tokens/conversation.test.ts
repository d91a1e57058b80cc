import { describe, expect, it } from 'vitest';
import { chatTemplate, special } from '../../src/tokens/chat-template.js';
import { alpaca, chatMl, llama3Chat } from '../../src/tokens/chat-templates.js';
import type { InstructionInputOutput, SystemUserAssistant } from '../../src/tokens/chat-templates.js';
import {
  conversation,
  parseConversation,
  parseFields,
  parseQuestion,
  question,
} from '../../src/tokens/conversation.js';
import type { Conversation, Question } from '../../src/tokens/conversation.js';
import { chatText, promptText } from '../../src/tokens/render.js';

const hi = { role: 'user', content: 'Hi' } as const;
const hello = { role: 'assistant', content: 'Hello' } as const;
const brief = { role: 'system', content: 'Be brief.' } as const;

describe('conversation', () => {
  it('takes what is in order', () => {
    expect(conversation(chatMl, [hi, hello])).toEqual([hi, hello]);
    expect(conversation(llama3Chat, [brief, hi, hello, hi, hello])).toHaveLength(5);
    const text: string = 'any text';
    expect(conversation(chatMl, [{ role: 'user', content: text }, hello])[0]?.content).toBe(text);
    expect(
      conversation(alpaca, [
        { role: 'instruction', content: 'a' },
        { role: 'output', content: 'b' },
      ]),
    ).toHaveLength(2);
    const long = [hi, hello, hi, hello, hi, hello, hi, hello, hi, hello] as const;
    expect(conversation(chatMl, [...long, ...long, ...long, ...long, ...long, ...long])).toHaveLength(60);
  });

  it('does not compile, and does not run, with roles out of order', () => {
    // @ts-expect-error no such role
    expect(() => conversation(chatMl, [{ role: 'human', content: 'Hi' }, hello])).toThrow(/turn 0[^]*'human' first/);
    // @ts-expect-error an answer to nothing: «first comes user, not assistant»
    expect(() => conversation(chatMl, [hello])).toThrow(/turn 0[^]*'assistant' first[^]*'system' or 'user'/);
    // @ts-expect-error «after user comes assistant, not user»
    expect(() => conversation(chatMl, [hi, hi, hello])).toThrow(/turn 1[^]*'user' after 'user'[^]*'assistant'/);
    // @ts-expect-error the system prompt is first or nowhere
    expect(() => conversation(chatMl, [hi, hello, brief, hi, hello])).toThrow(/turn 2[^]*'system' after 'assistant'/);
    // @ts-expect-error «the last turn is of assistant, not of user»
    expect(() => conversation(chatMl, [hi, hello, hi])).toThrow(/does not end with an answer[^]*turn 2/);
    // @ts-expect-error nothing at all
    expect(() => conversation(chatMl, [])).toThrow('nobody');
    const pair = [
      { role: 'instruction', content: 'a' },
      { role: 'output', content: 'b' },
    ] as const;
    // @ts-expect-error «nothing comes after output, not instruction»
    expect(() => conversation(alpaca, [...pair, ...pair])).toThrow('no further turn');
    // @ts-expect-error a turn has no other fields
    expect(() => conversation(chatMl, [hi, { role: 'assistant', content: 'b', x: 1 }])).toThrow('turn 1: Unrecognized');
    // @ts-expect-error a turn has a content
    expect(() => conversation(chatMl, [{ role: 'user' }, hello])).toThrow('turn 0: content');
    const read = [hi, hello].slice();
    // @ts-expect-error of turns whose number the compiler does not know, only parseConversation can say that they are in order
    expect(conversation(chatMl, read)).toEqual(read);
  });

  it('is of a kind of its own for each order, and whole or a question', () => {
    const whole: Conversation<SystemUserAssistant> = conversation(chatMl, [hi, hello]);
    const asked: Question<SystemUserAssistant> = question(chatMl, [hi]);
    expect(chatText(llama3Chat, whole)).toContain('<|eot_id|>'); // the same order: the same conversations
    // @ts-expect-error an array that nobody checked
    expect(() => chatText(chatMl, [hello])).toThrow(/turn 0/);
    // @ts-expect-error a question is no conversation to learn from
    expect(chatText(chatMl, asked)).toContain('Hi');
    // @ts-expect-error nor the other way round
    expect(promptText(chatMl, whole)).toContain('Hello');
    // @ts-expect-error another order
    const other: Conversation<InstructionInputOutput> = whole;
    expect(() => chatText(alpaca, other)).toThrow(/render: turn 0[^]*'user' first[^]*'instruction'/);
  });
});

describe('question', () => {
  it('ends where an answer is due', () => {
    expect(question(chatMl, [brief, hi, hello, hi])).toHaveLength(4);
    expect(question(alpaca, [{ role: 'instruction', content: 'a' }])).toHaveLength(1);
    expect(
      question(alpaca, [
        { role: 'instruction', content: 'a' },
        { role: 'input', content: 'b' },
      ]),
    ).toHaveLength(2);
    // @ts-expect-error it is answered
    expect(() => question(chatMl, [hi, hello])).toThrow('no answer is due');
    // @ts-expect-error a system prompt is no question
    expect(() => question(chatMl, [brief])).toThrow("turn 0, the last, is of 'system'");
    // @ts-expect-error nothing at all
    expect(() => question(chatMl, [])).toThrow('nobody');
  });
});

describe('parseConversation and parseQuestion', () => {
  it('read what files have', () => {
    const read = parseConversation(chatMl, JSON.parse(JSON.stringify([brief, hi, hello])));
    expect(chatText(chatMl, read)).toContain('<|im_start|>assistant\nHello<|im_end|>\n');
    expect(promptText(chatMl, parseQuestion(chatMl, [hi]))).toMatch(/assistant\n$/);
  });

  it.each([
    [{ messages: [] }, 'chats.jsonl, line 3: this is no conversation'],
    [[hi, { role: 'assistant', content: null }], 'turn 1: content'],
    [[hi, { role: 'assistant', content: 'a', tool_calls: [] }], 'turn 1: Unrecognized key: "tool_calls"'],
    [[hi, 'Hello'], 'turn 1: Invalid input'],
    [[{ from: 'human', value: 'Hi' }], 'turn 0: role'],
    [
      [brief, brief, hi, hello],
      "turn 1 is not in the order of the template ChatML\n  received: 'system' after 'system'",
    ],
    [[hi], 'a prompt for generation is read by parseQuestion'],
    [[], 'does not end with an answer'],
  ])('refuse %j', (value, said) => {
    expect(() => parseConversation(chatMl, value, 'chats.jsonl, line 3')).toThrow(said);
  });
});

describe('parseFields', () => {
  it('reads instructions; an empty input is none', () => {
    expect(parseFields(alpaca, { instruction: 'a', input: '', output: 'b' })).toEqual([
      { role: 'instruction', content: 'a' },
      { role: 'output', content: 'b' },
    ]);
    expect(parseFields(alpaca, { output: 'b', input: 'i', instruction: 'a' })[1]).toEqual({
      role: 'input',
      content: 'i',
    });
  });

  it('refuses what is missing or more', () => {
    expect(() => parseFields(alpaca, { instruction: '', output: 'b' })).toThrow("'output' first");
    expect(() => parseFields(alpaca, { instruction: 'a', input: 'i' })).toThrow('does not end with an answer');
    expect(() => parseFields(alpaca, { instruction: 'a', output: 'b', id: 3 })).toThrow('id');
    expect(() => parseFields(alpaca, { instruction: 3, output: 'b' })).toThrow('instruction: Invalid input');
    expect(() => parseFields(alpaca, null)).toThrow('this is no conversation');
  });
});

describe('chatTemplate', () => {
  const end = special('<|end|>');
  const order = { first: ['user'], next: { user: ['assistant'], assistant: ['user'] }, answer: 'assistant' } as const;
  const answer = { before: ['A: '], stop: end, after: ['\n'] };
  const turns = { user: { before: ['Q: '], after: ['\n'] } };

  it('is made in a few lines', () => {
    const mine = chatTemplate({ name: 'mine', order, turns, answer });
    expect(chatText(mine, conversation(mine, [hi, hello]))).toBe('Q: Hi\nA: Hello<|end|>\n');
  });

  it('cannot be made without a stop token, nor with roles that are not defined', () => {
    // @ts-expect-error an answer has a stop token
    expect(() => chatTemplate({ name: 'a', order, turns, answer: { before: [], after: [] } })).toThrow(
      'no special token',
    );
    // @ts-expect-error a stop is a special token, not text
    expect(() => chatTemplate({ name: 'a', order, turns, answer: { ...answer, stop: '</s>' } })).toThrow(
      'no special token',
    );
    // @ts-expect-error the user is not written
    expect(() => chatTemplate({ name: 'a', order, turns: {}, answer })).toThrow('the order has user');
    // @ts-expect-error the answer is written in `answer`
    expect(() => chatTemplate({ name: 'a', order, turns: { ...turns, assistant: turns.user }, answer })).toThrow(
      'turns',
    );
    expect(() => chatTemplate({ name: 'a', order, turns, answer: { ...answer, stop: special('') } })).toThrow(
      'no special token',
    );
    // @ts-expect-error nobody assumes a turn of a role that cannot be first
    expect(() => chatTemplate({ name: 'a', order, turns, answer, assumed: { role: 'x', content: '' } })).toThrow();
    expect(() => chatTemplate({ name: 'a', order: { ...order, first: ['assistant'] }, turns, answer })).toThrow(
      'first',
    );
    expect(() =>
      chatTemplate({
        name: 'a',
        order: { ...order, next: { user: ['bot'], assistant: [] } },
        turns: {} as never,
        answer,
      }),
    ).toThrow("names the role 'bot'");
    expect(() =>
      chatTemplate({ name: 'a', order: { ...order, next: { user: [], assistant: ['user'] } }, turns, answer }),
    ).toThrow('nothing leads to an answer');
    const instruction = { before: { input: [] }, after: [] };
    const partly = { ...alpaca.definition.turns, instruction };
    // @ts-expect-error it does not say what stands before an answer without an input
    expect(() => chatTemplate({ ...alpaca.definition, turns: partly })).toThrow("before 'output'");
  });
});
