import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  promptText,
  readConversations,
  readFeedback,
  readInstructions,
  readPreferences,
  readProblems,
} from '../../../src/data/post-training/index.js';
import type { ConversationRow, PreferenceRow, ProblemRow } from '../../../src/data/post-training/index.js';
import { load } from '../../../src/data/read/load.js';
import type { Role } from '../../../src/tokens/chat-template.js';
import type { SystemUserAssistant } from '../../../src/tokens/chat-templates.js';
import type { Turn } from '../../../src/tokens/conversation.js';
import { reject } from './in-files.js';

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
