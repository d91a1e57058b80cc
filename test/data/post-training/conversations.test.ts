import { describe, expect, it } from 'vitest';
import { readConversations } from '../../../src/data/post-training/index.js';
import type { FaultKind } from '../../../src/data/post-training/index.js';
import { chatMl } from '../../../src/tokens/chat-templates.js';
import { parseConversation } from '../../../src/tokens/conversation.js';
import { assistant, faults, linesFile, reject, system, user } from './in-files.js';

describe('readConversations', () => {
  it('reads ShareGPT and messages as the same turns', async () => {
    const shareGpt = {
      conversations: [
        { from: 'human', value: '说一种颜色。' },
        { from: 'gpt', value: '红色。' },
      ],
    };
    const messages = { messages: [system('Be brief.'), user('a'), assistant('b'), user('c'), assistant('d')] };
    const beside = { system: 'Be brief.', conversations: [user('a'), { from: 'gpt', value: 'b' }] };
    const { rows } = await readConversations(linesFile(shareGpt, messages, beside));
    expect(rows.map(({ turns }) => turns)).toEqual([
      [user('说一种颜色。'), assistant('红色。')],
      messages.messages,
      [system('Be brief.'), user('a'), assistant('b')],
    ]);
    for (const { turns } of rows) expect(parseConversation(chatMl, turns)).toEqual(turns);
    const named = await readConversations(linesFile({ 对话: messages.messages }), { fields: { turns: '对话' } });
    expect(named.rows[0]?.turns).toEqual(messages.messages);
  });

  const wrong: readonly (readonly [string, unknown, readonly (readonly [FaultKind, string])[]])[] = [
    ['an unknown role', [user('a'), { role: 'bot', content: 'b' }], [['unknown role', 'messages[1]']]],
    [
      'two turns of the user in a row',
      [user('a'), user('b'), assistant('c')],
      [['two turns of one role', 'messages[1]']],
    ],
    [
      'two turns of the assistant',
      [user('a'), assistant('b'), assistant('c')],
      [['two turns of one role', 'messages[2]']],
    ],
    ['no answer at the end', [user('a'), assistant('b'), user('c')], [['does not end with the assistant', 'messages']]],
    ['an answer first', [assistant('a'), user('b'), assistant('c')], [['does not begin with the user', 'messages[0]']]],
    [
      'a system prompt in the middle',
      [user('a'), assistant('x'), system('b'), user('c'), assistant('d')],
      [['system in the middle', 'messages[2]']],
    ],
    ['an empty answer', [user('a'), assistant(' ')], [['empty answer', 'messages[1]']]],
    ['an empty question', [user(''), assistant('b')], [['empty prompt', 'messages[0]']]],
    ['no turns', [], [['does not end with the assistant', 'messages']]],
    ['no list', 'a', [['wrong type', 'messages']]],
    ['a content that is no text', [user('a'), { role: 'assistant', content: [1] }], [['wrong type', 'messages[1]']]],
    ['no content', [user('a'), { role: 'assistant' }], [['missing field', 'messages[1]']]],
    ['no role', [{ content: 'a' }, assistant('b')], [['missing field', 'messages[0]']]],
    [
      'a call of a tool',
      [user('a'), { role: 'assistant', content: null, tool_calls: [{ id: '1' }] }],
      [['tool turn', 'messages[1]']],
    ],
    [
      'a tool',
      [user('a'), assistant('b'), { role: 'tool', content: '3' }, assistant('c')],
      [['tool turn', 'messages[2]']],
    ],
  ];
  it.each(wrong)('names %s', async (_, messages, expected) => {
    const { rows, report } = await readConversations(linesFile({ messages }), reject);
    expect(rows).toEqual([]);
    expect(faults(report)).toEqual(expected);
  });

  it('keeps tools where they are asked for', async () => {
    const turns = [user('a'), assistant('look'), { role: 'observation', content: '3' }, assistant('c')];
    const { rows } = await readConversations(linesFile({ messages: turns }), { tools: 'keep' });
    expect(rows[0]?.turns.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    const early = linesFile({ messages: [user('a'), { role: 'tool', content: '3' }, assistant('c')] });
    expect(faults((await readConversations(early, { tools: 'keep', ...reject })).report)).toEqual([
      ['tool turn', 'messages[1]'],
    ]);
  });
});
