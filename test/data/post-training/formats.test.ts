import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  instructionTurns,
  promptText,
  readConversations,
  readFeedback,
  readInstructions,
  readPreferences,
  readProblems,
} from '../../../src/data/post-training/index.js';
import type {
  ConversationRow,
  FaultKind,
  PreferenceRow,
  ProblemRow,
  RowReport,
} from '../../../src/data/post-training/index.js';
import { load } from '../../../src/data/read/load.js';
import { alpaca, chatMl } from '../../../src/tokens/chat-templates.js';
import { parseConversation, parseFields, parseQuestion } from '../../../src/tokens/conversation.js';
import type { Turn } from '../../../src/tokens/conversation.js';
import type { SystemUserAssistant } from '../../../src/tokens/chat-templates.js';
import type { Role } from '../../../src/tokens/chat-template.js';
import { fileOf, linesFile } from './in-files.js';

const reject = { onBadRow: 'reject' } as const;
const faults = ({ listed }: RowReport): readonly (readonly [FaultKind, string | undefined])[] =>
  listed.map(({ kind, field }) => [kind, field]);
const user = (content: string) => ({ role: 'user', content }) as const;
const assistant = (content: string) => ({ role: 'assistant', content }) as const;
const system = (content: string) => ({ role: 'system', content }) as const;

describe('readInstructions', () => {
  it('reads fields of any name, and gives what templates take', async () => {
    const file = linesFile({ 指令: '写出颜色。', 输入: '草', 输出: '绿色。' }, { 指令: '你好', 输出: '你好！' });
    const { rows } = await readInstructions(file, { fields: { instruction: '指令', input: '输入', output: '输出' } });
    expect(rows.map(({ fields }) => parseFields(alpaca, fields).map(({ role }) => role))).toEqual([
      ['instruction', 'input', 'output'],
      ['instruction', 'output'],
    ]);
    expect(rows.map((row) => parseConversation(chatMl, instructionTurns(row)))).toEqual([
      [user('写出颜色。\n\n草'), assistant('绿色。')],
      [user('你好'), assistant('你好！')],
    ]);
    await expect(readInstructions(file)).rejects.toThrow('received fields 指令, 输入, 输出');
  });

  it('does not drop a history or a system prompt unseen', async () => {
    const row = { instruction: 'And then?', input: '', output: 'Blue.' };
    const file = linesFile({ ...row, history: [['a', 'b']] }, { ...row, system: 'Be brief.' }, { ...row, history: [] });
    const { rows, report } = await readInstructions(file, reject);
    expect(rows).toHaveLength(1);
    expect(faults(report)).toEqual([
      ['another format', 'history'],
      ['another format', 'system'],
    ]);
  });
});

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

describe('readFeedback', () => {
  it('reads prompt, completion and label', async () => {
    const file = linesFile(
      { prompt: '说一种颜色。', completion: '红色。', label: true },
      { prompt: [user('p')], completion: [assistant('a')], label: false },
    );
    expect((await readFeedback(file)).rows).toMatchObject([
      { kind: 'feedback', prompt: [user('说一种颜色。')], completion: '红色。', label: true },
      { prompt: [user('p')], completion: 'a', label: false },
    ]);
    const csv = fileOf('prompt,completion,label\np,a,True\np,b,false\n', 'csv');
    expect((await readFeedback(csv)).rows.map(({ label }) => label)).toEqual([true, false]);
  });

  it('takes nothing else for a label', async () => {
    const labels = [1, 'good', null, [true]];
    const file = linesFile(...labels.map((label) => ({ prompt: 'p', completion: 'a', label })));
    const { report } = await readFeedback(file, reject);
    expect(faults(report)).toEqual([
      ['label not boolean', 'label'],
      ['label not boolean', 'label'],
      ['missing field', 'label'],
      ['label not boolean', 'label'],
    ]);
  });
});

describe('readProblems', () => {
  it('takes the exact answer out of each layout', async () => {
    const file = linesFile(
      { question: 'q1', answer: 'He has 50 - 8 = <<50-8=42>>42.\n#### 42' },
      { problem: 'q2', solution: 'so \\boxed{\\frac{6}{8}}' },
      { question: 'q3', solution: 'way', answer: '1,234' },
      { question: 'q4', answer: 51.5 },
      { question: '小明有几个苹果？', answer: '一共五个。\n#### ５' },
    );
    expect((await readProblems(file)).rows).toMatchObject([
      { question: 'q1', solution: 'He has 50 - 8 = <<50-8=42>>42.', answer: { text: '42', value: 42 } },
      { question: 'q2', solution: 'so \\boxed{\\frac{6}{8}}', answer: { text: '3/4', value: 0.75 } },
      { question: 'q3', solution: 'way', answer: { text: '1234', value: 1234 } },
      { question: 'q4', solution: '', answer: { text: '51.5', value: 51.5 } },
      { question: '小明有几个苹果？', solution: '一共五个。', answer: { text: '5', value: 5 } },
    ]);
  });

  it('names answers without a number', async () => {
    const answers = ['about 42 eggs', '#### none', '', null, true, '1/0'];
    const file = linesFile(...answers.map((answer) => ({ question: 'q', answer })));
    const { report } = await readProblems(file, reject);
    expect(report.listed.map(({ kind }) => kind)).toEqual([
      'no number in the answer',
      'no number in the answer',
      'empty answer',
      'missing field',
      'wrong type',
      'no number in the answer',
    ]);
  });
});

describe('data sets of the package', () => {
  it('dpo_demo', async () => {
    const { rows } = await readPreferences('dpo_demo');
    expect(rows).toHaveLength(430);
    expect(rows.filter(({ language }) => language === 'zh')).toHaveLength(286);
    expect(rows.every(({ source, prompt }) => source === 'dpo_demo' && prompt.length === 1)).toBe(true);
  });

  it('are documents too: their prompts', async () => {
    const { documents } = await load('dpo_demo');
    const { rows } = await readPreferences('dpo_demo');
    expect(documents.map(({ text }) => text)).toEqual(rows.map(promptText));
  });

  it('reasoning_gym', async () => {
    const { rows } = await readProblems('reasoning_gym');
    expect(rows).toHaveLength(2000);
    expect(rows[0]).toMatchObject({ answer: { text: '405', value: 405 }, language: 'en' });
  });
});

const data = process.env['TRAINBOOK_DATA'] ?? '';
const local = (name: string): string => join(data, name);

it.skipIf(data === '' || !existsSync(local('gsm8k')))('local data (needs TRAINBOOK_DATA)', async () => {
  const train = await readProblems(local('gsm8k/gsm8k_train_3000.jsonl'), reject);
  const test = await readProblems(local('gsm8k/gsm8k_test.jsonl'), reject);
  expect([train.rows.length, test.rows.length]).toEqual([3000, 1319]);
  const instructions = await readInstructions(local('rasbt_instruct/instruction.jsonl'), reject);
  expect(instructions.report.numRows).toBe(1100);
  expect(instructions.rows.length).toBeGreaterThan(1000);
  const pairs = await readPreferences(local('rasbt_instruct/instruction_preference.jsonl'), reject);
  expect(pairs.report.numRows).toBe(1100);
  expect(pairs.rows.length).toBeGreaterThan(1000);
  const solutions = await readPreferences(local('gsm8k_pairs/gsm8k_pairs.jsonl'), reject);
  expect(solutions.report.numRows).toBe(1462);
  const fields = { prompt: 'question', completion: 'solution', label: 'correct' };
  const judged = await readFeedback(local('gsm8k_pairs/gsm8k_verifier_labels.jsonl'), { ...reject, fields });
  expect(judged.report.numRows).toBe(2400);
  for (const { report } of [instructions, pairs, solutions, judged]) {
    expect(
      [...report.counts.keys()].filter((kind) => kind !== 'duplicate row' && kind !== 'equal chosen and rejected'),
    ).toEqual([]);
  }
});

it('types keep the formats apart', () => {
  const dpo = (rows: readonly PreferenceRow[]): number => rows.length;
  const rewards = (rows: readonly ProblemRow[]): number => rows.length;
  const chat = (rows: readonly ConversationRow[]): number => rows.length;
  const turns = (given: readonly Turn<Role<SystemUserAssistant>>[]): number => given.length;
  const check = async (): Promise<void> => {
    const conversations = (await readConversations('a')).rows;
    const preferences = (await readPreferences('a')).rows;
    const feedback = (await readFeedback('a')).rows;
    const problems = (await readProblems('a')).rows;
    const instructions = (await readInstructions('a')).rows;
    const withTools = (await readConversations('a', { tools: 'keep' })).rows;
    dpo(preferences);
    rewards(problems);
    chat(conversations);
    for (const row of conversations) turns(row.turns);
    for (const row of preferences) turns(row.prompt);
    // @ts-expect-error conversations are no preferences
    dpo(conversations);
    // @ts-expect-error feedback is no preference
    dpo(feedback);
    // @ts-expect-error preferences are no conversations
    chat(preferences);
    // @ts-expect-error instructions are no conversations before they are turns
    chat(instructions);
    // @ts-expect-error instructions are no problems
    rewards(instructions);
    // @ts-expect-error a template of system, user and assistant has no tool
    for (const row of withTools) turns(row.turns);
    // @ts-expect-error problems have no field `label`
    await readProblems('a', { fields: { label: 'x' } });
  };
  expect(check).toBeTypeOf('function');
});
