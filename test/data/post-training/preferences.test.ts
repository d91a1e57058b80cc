import { describe, expect, it } from 'vitest';
import { readPreferences } from '../../../src/data/post-training/index.js';
import type { FaultKind } from '../../../src/data/post-training/index.js';
import { chatMl } from '../../../src/tokens/chat-templates.js';
import { parseQuestion } from '../../../src/tokens/conversation.js';
import { assistant, faults, linesFile, reject, system, user } from './in-files.js';

describe('readPreferences', () => {
  const expected = { kind: 'preference', prompt: [user('Name a colour.')], chosen: 'Red.', rejected: 'Seven.' };

  it('reads each layout as the same pair', async () => {
    const layouts: readonly unknown[] = [
      { prompt: 'Name a colour.', chosen: 'Red.', rejected: 'Seven.' },
      { prompt: [user('Name a colour.')], chosen: [assistant('Red.')], rejected: [assistant('Seven.')] },
      {
        chosen: [user('Name a colour.'), assistant('Red.')],
        rejected: [user('Name a colour.'), assistant('Seven.')],
      },
      {
        prompt: 'Name a colour.',
        chosen: [user('Name a colour.'), assistant('Red.')],
        rejected: [user('Name a colour.'), assistant('Seven.')],
      },
      {
        chosen: '\n\nHuman: Name a colour.\n\nAssistant: Red.',
        rejected: '\n\nHuman: Name a colour.\n\nAssistant: Seven.',
      },
      { prompt: '\n\nHuman: Name a colour.\n\nAssistant:', chosen: 'Red.', rejected: 'Seven.' },
      {
        conversations: [{ from: 'human', value: 'Name a colour.' }],
        chosen: { from: 'gpt', value: 'Red.' },
        rejected: { from: 'gpt', value: 'Seven.' },
      },
      { instruction: 'Name a colour.', input: '', output: 'Red.', chosen: 'Red.', rejected: 'Seven.' },
      { prompt: 'Name a colour.', answers: ['Seven.', 'Red.'], ranking: 'B > A' },
      { prompt: 'Name a colour.', answers: ['Seven.', 'Red.'], ranking: [2, 1] },
    ];
    const ids = new Set<string>();
    for (const layout of layouts) {
      const { rows } = await readPreferences(linesFile(layout));
      expect(rows).toMatchObject([expected]);
      ids.add(rows[0]?.id ?? '');
      expect(parseQuestion(chatMl, rows[0]?.prompt)).toEqual(expected.prompt);
    }
    expect(ids.size).toBe(1);
  });

  it('splits off the dialogue that both of HH share', async () => {
    const shared = '\n\nHuman: Hi\nthere \n\nAssistant: Hello. \n\nHuman: 说一种颜色。 \n\nAssistant:';
    const { rows } = await readPreferences(linesFile({ chosen: `${shared} 红色。`, rejected: `${shared} 七。` }));
    expect(rows).toMatchObject([
      {
        prompt: [user('Hi\nthere'), assistant('Hello.'), user('说一种颜色。')],
        chosen: '红色。',
        rejected: '七。',
      },
    ]);
  });

  it('keeps a system prompt that stands beside', async () => {
    const whole = { chosen: [user('p'), assistant('a')], rejected: [user('p'), assistant('b')] };
    const { rows } = await readPreferences(
      linesFile(
        { system: '1', ...whole },
        { system: '2', prompt: 'p', ...whole },
        { system: '3', prompt: [user('p')], ...whole },
        { system: '4', prompt: 'p', chosen: 'a', rejected: 'b' },
      ),
    );
    expect(rows.map(({ prompt }) => prompt)).toEqual(['1', '2', '3', '4'].map((text) => [system(text), user('p')]));
  });

  it('makes all pairs of a ranking, none of equals', async () => {
    const ranked = (ranking: unknown) => readPreferences(linesFile({ prompt: 'p', answers: ['a', 'b', 'c'], ranking }));
    const pairs = async (ranking: unknown) =>
      (await ranked(ranking)).rows.map(({ chosen, rejected }) => chosen + rejected).join(' ');
    expect(await pairs('A > B > C')).toBe('ab ac bc');
    expect(await pairs('c > a = b')).toBe('ca cb');
    expect(await pairs([3, 1, 1])).toBe('ba ca');
    for (const none of ['A > B', 'A > B > B', 'A > B > D', 'A = B = C', [1, 2], 3, undefined]) {
      await expect(ranked(none)).rejects.toThrow('no such ranking');
    }
  });

  const hh = (...turns: readonly string[]) =>
    turns.map((text, at) => `\n\n${at % 2 === 0 ? 'Human' : 'Assistant'}: ${text}`).join('');
  const wrong: readonly (readonly [string, unknown, readonly (readonly [FaultKind, string])[]])[] = [
    ['equal answers', { prompt: 'p', chosen: 'a', rejected: 'a' }, [['equal chosen and rejected', 'rejected']]],
    ['unequal prompts of HH', { chosen: hh('p', 'a'), rejected: hh('q', 'b') }, [['unequal prompts', 'rejected']]],
    [
      'dialogues of unequal length',
      { chosen: hh('p', 'a', 'q', 'b'), rejected: hh('p', 'a') },
      [['unequal prompts', 'rejected']],
    ],
    [
      'a prompt that is not that of its messages',
      { prompt: 'q', chosen: [user('p'), assistant('a')], rejected: [user('p'), assistant('b')] },
      [['unequal prompts', 'prompt']],
    ],
    [
      'turns of a prompt that are not those of its messages',
      { prompt: [user('p'), assistant('x'), user('q')], chosen: hh('p', 'a'), rejected: hh('p', 'b') },
      [['unequal prompts', 'prompt']],
    ],
    [
      'a system prompt that is no text',
      { system: 1, prompt: 'p', chosen: 'a', rejected: 'b' },
      [['wrong type', 'system']],
    ],
    [
      'a dialogue without an answer',
      { chosen: hh('p', 'a', 'q'), rejected: hh('p', 'a') },
      [['does not end with the assistant', 'chosen']],
    ],
    ['an empty answer', { prompt: 'p', chosen: 'a', rejected: '' }, [['empty answer', 'rejected']]],
    ['no prompt', { chosen: 'a', rejected: 'b' }, [['missing field', 'prompt']]],
    ['no rejected', { prompt: 'p', chosen: 'a' }, [['missing field', 'rejected']]],
    ['a number', { prompt: 'p', chosen: 1, rejected: 'b' }, [['wrong type', 'chosen']]],
    [
      'equal answers of a ranking',
      { prompt: 'p', answers: ['a', 'a'], ranking: 'A > B' },
      [['equal chosen and rejected', 'answers']],
    ],
    [
      'a prompt that ends with an answer',
      { prompt: [user('p'), assistant('a')], chosen: 'a', rejected: 'b' },
      [['does not end with the user', 'prompt']],
    ],
  ];
  it.each(wrong)('names %s', async (_, row, expectedFaults) => {
    const { rows, report } = await readPreferences(linesFile(row), reject);
    expect(rows).toEqual([]);
    expect(faults(report)).toEqual(expectedFaults);
  });
});
