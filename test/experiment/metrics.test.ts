import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsWriter, readMetrics } from '../../src/experiment/metrics.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-metrics-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const row = (attempt: number, step: number, loss: number): Parameters<MetricsWriter['write']>[0] => ({
  attempt,
  stage: 'base',
  step,
  time: 0,
  values: { loss },
});

describe('metrics.jsonl', () => {
  it('counts the last attempt of each step, and joins rows of one attempt', async () => {
    const writer = new MetricsWriter(folder);
    for (const each of [row(1, 1, 10), row(1, 2, 9), row(1, 3, 8), row(2, 2, 7)]) writer.write(each);
    writer.write({ ...row(2, 2, 7), values: { rate: 0.1 } });
    writer.close();
    expect((await readMetrics(folder)).map(({ step, values }) => [step, values])).toEqual([
      [1, { loss: 10 }],
      [2, { loss: 7, rate: 0.1 }],
      [3, { loss: 8 }],
    ]);
  });

  it('passes over a torn last line at every place it may be cut, and goes on after it', async () => {
    const path = join(folder, 'metrics.jsonl');
    const whole = `${JSON.stringify(row(1, 1, 10))}\n${JSON.stringify(row(1, 2, 9))}\n`;
    const firstEnd = whole.indexOf('\n') + 1;
    for (let cut = firstEnd; cut < whole.length - 1; cut++) {
      await writeFile(path, whole.slice(0, cut));
      expect(await readMetrics(folder)).toHaveLength(1);
      const writer = new MetricsWriter(folder);
      writer.write(row(2, 2, 5));
      writer.close();
      expect((await readMetrics(folder)).map(({ values }) => values['loss'])).toEqual([10, 5]);
      expect(await readFile(path, 'utf8')).toBe(whole.slice(0, firstEnd) + `${JSON.stringify(row(2, 2, 5))}\n`);
    }
  });

  it('reads a loss that is no number as NaN', async () => {
    const writer = new MetricsWriter(folder);
    writer.write(row(1, 1, Number.NaN));
    writer.close();
    expect((await readMetrics(folder))[0]?.values).toEqual({ loss: Number.NaN });
  });
});
