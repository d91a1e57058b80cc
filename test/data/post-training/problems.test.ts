import { describe, expect, it } from 'vitest';
import { readProblems } from '../../../src/data/post-training/index.js';
import { linesFile, reject } from './in-files.js';

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
