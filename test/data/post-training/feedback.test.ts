import { describe, expect, it } from 'vitest';
import { readFeedback } from '../../../src/data/post-training/index.js';
import { assistant, faults, fileOf, linesFile, reject, user } from './in-files.js';

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
