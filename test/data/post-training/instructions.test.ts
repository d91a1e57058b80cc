import { describe, expect, it } from 'vitest';
import { instructionTurns, readInstructions } from '../../../src/data/post-training/index.js';
import { alpaca, chatMl } from '../../../src/tokens/chat-templates.js';
import { parseConversation, parseFields } from '../../../src/tokens/conversation.js';
import { assistant, faults, linesFile, reject, user } from './in-files.js';

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
