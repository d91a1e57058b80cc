import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lastAttempts, parseRows } from '../../../src/experiment/metrics.js';
import { MetricsFeed } from '../../../src/experiment/sinks/metrics-feed.js';
import type { Chunk, Point } from '../../../src/experiment/sinks/metrics-feed.js';
import { rowsOf } from './run-maker.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-feed-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const append = (text: string): Promise<void> => appendFile(join(folder, 'metrics.jsonl'), text);
const lines = (...args: Parameters<typeof rowsOf>): string =>
  rowsOf(...args)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join('');
const shown = (chunk: Chunk | undefined): string[] =>
  (chunk?.points ?? []).map(({ name, step, value }) => `${name} ${step} ${value}`);

describe('MetricsFeed', () => {
  it('gives whole lines, and half of one when it is whole', async () => {
    const feed = new MetricsFeed(folder);
    expect(await feed.chunk(0)).toBeUndefined();
    await append(lines(1, 2) + lines(3, 3).slice(0, 30));
    const first = await feed.chunk(0);
    expect(shown(first)).toHaveLength(4);
    expect(await feed.chunk(first?.to ?? 0)).toBeUndefined();
    await append(lines(3, 3).slice(30));
    expect(shown(await feed.chunk(first?.to ?? 0))).toEqual([`loss 3 ${4 / 3}`, 'tokensPerSecond 3 1003']);
  });

  it('gives of a step done twice the last attempt, and in a later stretch what differs', async () => {
    await append(lines(1, 3) + lines(3, 4, 2));
    const feed = new MetricsFeed(folder);
    const first = await feed.chunk(0);
    expect(shown(first)).toEqual([
      ...['loss 1 4', 'tokensPerSecond 1 1001', 'loss 2 2', 'tokensPerSecond 2 1002'],
      ...[`loss 3 ${4 / 3}`, 'tokensPerSecond 3 2003', 'loss 4 1', 'tokensPerSecond 4 2004'],
    ]);
    expect(first?.restarts).toMatchObject([{ before: 4, restart: { stage: 'base', attempt: 2, step: 3 } }]);
    await append(lines(4, 4, 3));
    expect(shown(await feed.chunk(first?.to ?? 0))).toEqual(['tokensPerSecond 4 3004']);
    expect(shown(await new MetricsFeed(folder, 'all').chunk(first?.to ?? 0))).toEqual([
      'loss 4 1',
      'tokensPerSecond 4 3004',
    ]);
  });

  it('tells in the end what the one reader of metrics tells, and the same of the same bytes, however they were cut', async () => {
    const name = fc.constantFrom('a', 'b');
    const row = fc.record({
      stage: fc.constantFrom('s', 't'),
      step: fc.integer({ min: 1, max: 4 }),
      values: fc.dictionary(name, fc.integer({ min: 0, max: 2 }), { minKeys: 1 }),
      restart: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 14 }), fc.array(fc.nat(), { maxLength: 4 }), async (given, cuts) => {
        await rm(join(folder, 'metrics.jsonl'), { force: true });
        const attempts = { s: 1, t: 1 } as Record<string, number>;
        const written = given.map(({ restart, ...rest }, time) => {
          const attempt = (attempts[rest.stage] = (attempts[rest.stage] ?? 1) + Number(restart));
          return `${JSON.stringify({ attempt, time, ...rest })}\n`;
        });
        const text = written.join('');
        await append(text);
        const ends = [...new Set([...cuts.map((cut) => cut % (written.length + 1)), written.length])]
          .sort((a, b) => a - b)
          .map((count) => written.slice(0, count).join('').length);
        const feed = new MetricsFeed(folder);
        const told = new Map<string, number>();
        let from = 0;
        for (const end of ends) {
          const chunk = await feed.chunk(from, end);
          if (chunk === undefined) continue;
          const again = await new MetricsFeed(folder).chunk(from, end);
          expect(again).toEqual(chunk);
          const place = ({ stage, name: key, step }: Point): string => `${stage} ${key} ${step}`;
          for (const point of chunk.points) {
            expect(told.get(place(point))).not.toBe(point.value); // never the same twice
            told.set(place(point), point.value);
          }
          from = chunk.to;
        }
        for (const { stage, step, values } of lastAttempts(parseRows(text))) {
          for (const [key, value] of Object.entries(values)) expect(told.get(`${stage} ${key} ${step}`)).toBe(value);
        }
      }),
      { numRuns: 60 },
    );
  });
});
