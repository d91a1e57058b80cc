import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSamples, writeSamples } from '../../../src/data/post-training/index.js';
import type { FaultKind } from '../../../src/data/post-training/index.js';
import { assistant, faults, linesFile, reject, user } from './in-files.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-samples-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('readSamples', () => {
  it('reads texts and turns, and who wrote what', async () => {
    const { rows } = await readSamples(
      linesFile(
        { prompt: 'Name a colour.', answers: ['Seven.', 'Red.'] },
        {
          id: '颜色',
          language: 'zh',
          prompt: [user('你好'), assistant('你好！'), user('说一种颜色。')],
          answers: [
            { text: '红色。', model: 'sft', run: 'runs/sft', step: 200, score: 3 },
            { text: '七。', id: 'b' },
          ],
        },
      ),
    );
    expect(rows).toMatchObject([
      { kind: 'sample', prompt: [user('Name a colour.')], answers: [{ text: 'Seven.' }, { text: 'Red.' }] },
      {
        name: '颜色',
        language: 'zh',
        prompt: [user('你好'), assistant('你好！'), user('说一种颜色。')],
        answers: [
          { text: '红色。', model: 'sft', run: 'runs/sft', step: 200 },
          { text: '七。', id: 'b' },
        ],
      },
    ]);
    expect(rows[1]?.answers[0]).not.toHaveProperty('score');
  });

  const wrong: readonly (readonly [string, unknown, readonly (readonly [FaultKind, string | undefined])[]])[] = [
    ['no answers', { prompt: 'p' }, [['missing field', 'answers']]],
    ['answers that are no list', { prompt: 'p', answers: 'a' }, [['wrong type', 'answers']]],
    ['a single answer', { prompt: 'p', answers: ['a'] }, [['number of answers', 'answers']]],
    ['ten answers', { prompt: 'p', answers: Array.from('abcdefghij') }, [['number of answers', 'answers']]],
    ['an answer listed twice', { prompt: 'p', answers: ['a', 'b', { text: 'a' }] }, [['equal answers', 'answers[2]']]],
    ['an empty answer', { prompt: 'p', answers: ['a', ' '] }, [['empty answer', 'answers[1]']]],
    ['an answer that is a number', { prompt: 'p', answers: ['a', 1] }, [['wrong type', 'answers[1]']]],
    ['an answer without a text', { prompt: 'p', answers: ['a', { model: 'b' }] }, [['wrong type', 'answers[1]']]],
    ['no prompt', { answers: ['a', 'b'] }, [['missing field', 'prompt']]],
    ['pairs', { prompt: 'p', chosen: 'a', rejected: 'b' }, [['another format', undefined]]],
  ];
  it.each(wrong)('names %s', async (_, row, expected) => {
    const { rows, report } = await readSamples(linesFile(row), reject);
    expect(rows).toEqual([]);
    expect(faults(report)).toEqual(expected);
  });

  it('names the line', async () => {
    const path = linesFile({ prompt: 'p', answers: ['a', 'b'] }, { prompt: 'q', answers: ['a'] });
    await expect(readSamples(path)).rejects.toThrow(
      /1 of 2 rows of .* are wrong: number of answers 1[^]*\.jsonl:2 answers: .* received 1, expected a list of 2 to 9 answers/u,
    );
  });
});

describe('writeSamples', () => {
  it('writes what readSamples reads, each answer once', async () => {
    const path = join(folder, 'samples.jsonl');
    const answers = [{ text: 'Red.', model: 'base' }, 'Seven.', { text: 'Red.', model: 'sft' }];
    const written = await writeSamples(path, [
      { id: 'one', language: 'en', prompt: 'Name a colour.', answers },
      { prompt: [user('And now?')], answers: ['same', { text: 'same' }] },
    ]);
    expect(written).toBe(1);
    expect(await readFile(path, 'utf8')).toBe(
      '{"id":"one","language":"en","prompt":"Name a colour.","answers":[{"text":"Red.","model":"base"},{"text":"Seven."}]}\n',
    );
    expect((await readSamples(path)).rows).toMatchObject([
      { name: 'one', answers: [{ text: 'Red.', model: 'base' }, { text: 'Seven.' }] },
    ]);
  });

  it('refuses what cannot be ranked, and leaves nothing behind', async () => {
    const path = join(folder, 'none.jsonl');
    const prompt = 'p';
    await expect(writeSamples(path, [{ prompt, answers: Array.from('0123456789') }])).rejects.toThrow(
      /sample 0 .*\n.*10 answers/u,
    );
    await expect(writeSamples(path, [{ prompt, answers: ['a', ''] }])).rejects.toThrow('an empty answer, number 1');
    await expect(writeSamples(path, [{ prompt, answers: ['a', 'a'] }])).rejects.toThrow('there is nothing to rank');
    expect(await readdir(folder)).not.toContain('none.jsonl');
  });
});
