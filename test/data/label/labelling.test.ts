import { appendFile, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLabelling } from '../../../src/data/label/labelling.js';
import type { Labelling } from '../../../src/data/label/labelling.js';
import { readRankingLines, rankingsFileName } from '../../../src/data/label/rankings-file.js';
import { rankingsOfFolder } from '../../../src/data/label/rankings-folder.js';
import { readPreferences, readRankings, readSamples } from '../../../src/data/post-training/index.js';
import type { SampleRow } from '../../../src/data/post-training/index.js';

let folder = '';
let samples: readonly SampleRow[] = [];
const opened: Labelling[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-label-'));
  const path = join(folder, 'samples.jsonl');
  const lines = Array.from({ length: 10 }, (_, at) => ({
    id: `s${at}`,
    prompt: `Question ${at}?`,
    answers: [{ text: `a${at}`, model: 'base' }, { text: `b${at}`, model: 'sft', step: 200 }, `c${at}`],
  }));
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  samples = (await readSamples(path)).rows;
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of opened.splice(0)) await one.close();
  await rm(folder, { recursive: true });
});

const time = new Date('2026-11-29T19:20:00.000Z');
const begin = async (annotator = 'mei', more: { overlap?: number; dimensions?: string[]; hash?: string } = {}) => {
  const { overlap = 1, dimensions = ['preference'], hash = '9e10' } = more;
  const file = { file: 'samples.jsonl', hash };
  const made = await openLabelling({ samples, file, folder, annotator, dimensions, overlap }, () => time);
  opened.push(made);
  return made;
};
const task = async (labelling: Labelling) => {
  const { task: found } = await labelling.progress();
  if (found === undefined) throw new Error('all is done');
  return found;
};
/** Judges the task of the moment: answers in the order of their file, the best first. */
const judge = async (labelling: Labelling, best: readonly (readonly number[])[] = [[0], [1], [2]]): Promise<string> => {
  const { sample, dimension, order } = await task(labelling);
  const groups = best.map((group) => group.map((answer) => order.indexOf(answer)));
  expect(await labelling.judge(sample.id, dimension, groups, 8.4)).toBe(true);
  return sample.id;
};

describe('a ranking', () => {
  it('is a line with all that a reader needs', async () => {
    const mei = await begin('mei', { dimensions: ['safety'] });
    const { sample, order } = await task(mei);
    await judge(mei, [[1], [0, 2]]);
    const at = Number(sample.name?.slice(1));
    expect(JSON.parse(await readFile(join(folder, 'mei.jsonl'), 'utf8'))).toEqual({
      sample: sample.id,
      name: sample.name,
      dimension: 'safety',
      annotator: 'mei',
      time: '2026-11-29T19:20:00.000Z',
      seconds: 8.4,
      samples: { file: 'samples.jsonl', hash: '9e10' },
      prompt: [{ role: 'user', content: `Question ${at}?` }],
      answers: [`a${at}`, `b${at}`, `c${at}`],
      ranking: 'B > A = C',
      shown: order.map((answer) => 'ABC'[answer]).join(''),
      origins: [{ model: 'base' }, { model: 'sft', step: 200 }, {}],
    });
  });

  it('is read as pairs: what was said last, all annotators, nothing of equals and what was left out', async () => {
    const mei = await begin();
    await judge(mei);
    await mei.undo();
    await judge(mei, [[2], [1], [0]]);
    await judge(mei, [[0, 1, 2]]);
    const left = await task(mei);
    await mei.skip(left.sample.id, 'I cannot tell', 3);
    const jo = await begin('乔');
    await judge(jo, [[2], [1], [0]]);
    const files = join(folder, '{mei,乔}.jsonl');
    const { rows, report } = await readPreferences(files);
    expect(report.numRejected).toBe(0);
    expect(
      rows.map(({ annotator, chosen, rejected }) => `${annotator ?? ''} ${chosen[0] ?? ''}${rejected[0] ?? ''}`),
    ).toEqual(['mei cb', 'mei ca', 'mei ba', '乔 cb', '乔 ca', '乔 ba']);
    expect(rows[0]).toMatchObject({ kind: 'preference', dimension: 'preference', prompt: [{ role: 'user' }] });
    const { rows: rankings } = await readRankings(files);
    expect(rankings.map(({ annotator, ranks }) => [annotator, ranks])).toEqual([
      ['mei', [2, 1, 0]],
      ['mei', [0, 0, 0]],
      ['乔', [2, 1, 0]],
    ]);
    expect(rankings[0]?.sample).toBe(rankings[2]?.sample);
  });

  it('is refused where it is none of these samples', async () => {
    const mei = await begin();
    const { sample } = await task(mei);
    for (const groups of [[[0], [1]], [[0], [1], [1]], [[0, 1, 3]], [[0], [], [1, 2]], []]) {
      expect(await mei.judge(sample.id, 'preference', groups, 1)).toBe(false);
    }
    expect(await mei.judge('other', 'preference', [[0], [1], [2]], 1)).toBe(false);
    expect(await mei.judge(sample.id, 'safety', [[0], [1], [2]], 1)).toBe(false);
    expect(await mei.skip('other', 'why', 1)).toBe(false);
    expect(await mei.undo()).toBe(false);
    expect(await readFile(join(folder, 'mei.jsonl'), 'utf8')).toBe('');
  });
});

describe('the work of an annotator', () => {
  it('goes on after closing, dimension by dimension, also where the last line was cut off', async () => {
    const dimensions = ['safety', 'fluency'];
    const mei = await begin('mei', { dimensions });
    const first = await judge(mei);
    expect(await task(mei)).toMatchObject({ sample: { id: first }, dimension: 'fluency' });
    expect(Object.keys((await task(mei)).judged)).toEqual(['safety']);
    await opened.pop()?.close();
    await appendFile(join(folder, 'mei.jsonl'), '{"sample":"cut o');
    const again = await begin('mei', { dimensions });
    expect(await task(again)).toMatchObject({ sample: { id: first }, dimension: 'fluency' });
    await judge(again);
    expect(await again.progress()).toMatchObject({ done: 1, count: 10, canUndo: true });
    expect((await task(again)).sample.id).not.toBe(first);
    expect((await readRankingLines(again.path)).lines).toHaveLength(2);
  });

  it('takes back what was last, also of before, with what was said', async () => {
    const mei = await begin('mei', { dimensions: ['safety', 'fluency'] });
    const first = await judge(mei, [[1], [0, 2]]);
    await mei.skip(first, 'I cannot tell', 1);
    await judge(mei);
    await opened.pop()?.close();
    const again = await begin('mei', { dimensions: ['safety', 'fluency'] });
    await again.undo();
    const third = await task(again);
    expect(third.draft?.map((group) => group.map((place) => third.order[place]))).toEqual([[0], [1], [2]]);
    await again.undo(); // what was left out
    expect(await task(again)).toMatchObject({ sample: { id: first }, dimension: 'fluency' });
    expect((await task(again)).draft).toBeUndefined();
    await again.undo();
    const { dimension, draft, order } = await task(again);
    expect(dimension).toBe('safety');
    expect(draft?.map((group) => group.map((place) => order[place]).sort())).toEqual([[1], [0, 2]]);
    expect(await again.undo()).toBe(false);
    expect((await again.progress()).done).toBe(0);
  });

  it('leaves a sample out in all dimensions that are open', async () => {
    const mei = await begin('mei', { dimensions: ['safety', 'fluency', 'factuality'] });
    const first = await judge(mei);
    expect(await mei.skip(first, '提问不清楚', 2)).toBe(true);
    expect((await mei.progress()).done).toBe(1);
    const { lines } = await readRankingLines(mei.path);
    expect(lines.map(({ dimension, ranking }) => [dimension, ranking])).toEqual([
      ['safety', 'A > B > C'],
      ['fluency', null],
      ['factuality', null],
    ]);
    expect(lines[2]).toMatchObject({ skipped: '提问不清楚', seconds: 2 });
  });

  it('shares what overlaps, and gives each other sample to one annotator', async () => {
    const seen = new Map<string, string[]>();
    const [mei, jo] = [await begin('mei', { overlap: 0.3 }), await begin('jo', { overlap: 0.3 })];
    for (let turn = 0; turn < 20; turn++) {
      for (const one of [mei, jo]) {
        if ((await one.progress()).task === undefined) continue;
        const id = await judge(one);
        seen.set(id, [...(seen.get(id) ?? []), one.annotator]);
      }
    }
    expect(seen.size).toBe(10);
    expect([...seen.values()].filter((who) => who.length === 2)).toHaveLength(3);
    const counts = await Promise.all([mei, jo].map(async (one) => (await one.progress()).done));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(13);
    // What is taken back is for anyone again.
    await mei.undo();
    await opened.splice(opened.indexOf(mei), 1)[0]?.close();
    const li = await begin('li', { overlap: 0.3 });
    expect((await li.progress()).count).toBeGreaterThanOrEqual(3);
  });
});

describe('the file', () => {
  it('is as before where the disk is full, and goes on when it is not', async () => {
    const mei = await begin();
    const first = await judge(mei);
    const probe = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    // Half a line is written, then there is no room.
    const append = vi.spyOn(prototype, 'appendFile').mockImplementationOnce(async function (this: FileHandle) {
      await this.write('{"sample":"hal');
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });
    await expect(judge(mei)).rejects.toThrow('no space left');
    expect(append).toHaveBeenCalledOnce();
    expect((await mei.progress()).done).toBe(1);
    expect((await readFile(mei.path, 'utf8')).endsWith('}\n')).toBe(true);
    const second = await judge(mei);
    expect((await readRankingLines(mei.path)).lines.map(({ sample }) => sample)).toEqual([first, second]);
  });

  it('is one for each annotator, whatever the name', () => {
    expect(rankingsFileName('梅')).toBe('梅.jsonl');
    const others = ['../x', 'a b', 'a-b', 'a/b', '', '.', 'x'.repeat(300)].map(rankingsFileName);
    expect(new Set(others).size).toBe(others.length);
    for (const name of others) expect(name).toMatch(/^[\p{L}\p{N}_-]{1,67}\.jsonl$/u);
    expect(rankingsFileName('e\u0301')).toBe(rankingsFileName('\u00e9'));
  });

  it('names a line that is none, another annotator, and another file of samples', async () => {
    const mei = await begin();
    await judge(mei);
    await expect(begin('mei', { hash: 'ffff' })).rejects.toThrow(
      /rankings of another file of samples[^]*line 1: samples\.jsonl, hash 9e10[^]*--out/u,
    );
    await expect(rankingsOfFolder(folder, 'ffff')).rejects.toThrow(); // samples.jsonl lies there, too
    await writeFile(join(folder, 'jo.jsonl'), await readFile(mei.path));
    await expect(begin('jo')).rejects.toThrow(/rankings of another annotator[^]*mei[^]*jo/u);
    await appendFile(join(folder, 'jo.jsonl'), 'nonsense\n');
    await expect(begin('jo')).rejects.toThrow(/line 2 of .*jo\.jsonl is no ranking[^]*nonsense/u);
  });
});
