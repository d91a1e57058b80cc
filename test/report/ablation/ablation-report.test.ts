import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { JSDOM } from 'jsdom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../../src/report/write-report.js';
import { hostileName, small, valueOf, writeAblation } from '../fixtures/ablation.js';

describe('the report of an ablation', () => {
  let folder: string;
  let page: Document;
  const text = (selector: string): string => page.querySelector(selector)?.textContent.replace(/\s+/g, ' ') ?? '';
  const cellsOf = (selector: string): string[][] =>
    [...page.querySelectorAll(`${selector} tbody tr`)].map((row) =>
      [...row.querySelectorAll('th, td')].map((cell) => cell.textContent.trim()),
    );

  beforeAll(async () => {
    folder = await writeAblation();
    page = new JSDOM(await readFile(await writeReport(folder), 'utf8')).window.document;
  });
  afterAll(() => rm(resolve(folder, '../../../..'), { recursive: true, force: true }));

  it('states the question, the design, the seeds and the halving', () => {
    expect(text('#summary')).toContain('change the bits per byte of the experiment quickstart (lower is better)?');
    expect(text('#summary')).toContain('a grid of all combinations: 6 arms, with the seeds 1, 2 and 3');
    expect(text('#summary')).toContain('Successive halving on train.steps: after 100 the best 50% of the arms go on');
    expect(text('#summary')).toContain('1 of 18 runs failed');
  });

  it('sorts the arms by their mean, the best first, and shows which failed and which were stopped', () => {
    const rows = cellsOf('#arms');
    expect(rows.map(([arm]) => arm)).toEqual([
      'norm=rms, learningRate=0.001',
      'norm=rms, learningRate=0.0003',
      'norm=layer, learningRate=0.001',
      'norm=layer, learningRate=0.0003',
      `norm=${hostileName}, learningRate=0.0003`,
      `norm=${hostileName}, learningRate=0.001`,
    ]);
    const mean = [1, 2, 3].reduce((sum, seed) => sum + valueOf(0, 1, seed), 0) / 3;
    expect(Number(rows[0]?.[1])).toBeCloseTo(mean, 3);
    expect(rows.map((row) => row.at(-2))).toEqual(['3', '3', '3', '3', '2, 1 failed', '0, 3 stopped']);
    expect(rows.map((row) => row.at(-1))).toEqual(['better', 'baseline', 'worse', 'worse', 'worse', 'stopped early']);
    expect(page.querySelector('#arms tr.marked th')?.textContent).toBe('norm=rms, learningRate=0.0003');
  });

  it('draws a forest plot with a line for each arm that can be compared', () => {
    const svg = page.querySelector('#forest svg');
    expect(svg?.querySelectorAll('circle')).toHaveLength(4);
    expect(svg?.getAttribute('aria-label')).toMatch(/norm=rms, learningRate=0\.001 −0\.0\d+ \(.* to .*\), better/);
    expect(svg?.textContent).toContain('difference in bits per byte');
  });

  it('compares the values of each axis over all arms that have them', () => {
    // The baseline's norm is rms; of layer both arms are whole: the difference is 0.1 but for the noise.
    const [rms, layer] = cellsOf('#effect-model-norm');
    expect(rms?.[0]).toBe('norm = rms');
    expect(layer?.[0]).toBe('norm = layer');
    expect(Number(layer?.[3])).toBeCloseTo(0.1, 2);
  });

  it('draws the curves of all arms, two of them in colour, and buttons to pick out others', () => {
    const lines = JSON.parse(text('#loss-of-all-arms-values')) as { data: { name?: string; fill?: string }[] };
    expect(lines.data.filter(({ name }) => name !== undefined)).toHaveLength(6);
    expect(lines.data.filter(({ fill }) => fill === 'toself')).toHaveLength(6);
    expect([...page.querySelectorAll('[data-choose]')].map(({ textContent }) => textContent)).toContain(
      `norm=${hostileName}, learningRate=0.001`,
    );
    expect(page.querySelectorAll('#loss-of-all-arms .still path[stroke="none"]')).toHaveLength(2);
  });

  it('shows samples side by side, and what each arm changes', () => {
    const heads = [...page.querySelectorAll('#samples thead th')].map(({ textContent }) => textContent);
    expect(heads.slice(0, 2)).toEqual(['prompt', 'norm=rms, learningRate=0.0003 (seed 1)']);
    expect(cellsOf('#samples')[0]?.[3]).toContain('What layer light is this, of seed 1?');
    expect(cellsOf('#config-diff').slice(0, 3)).toEqual([
      ['base', 'rms', '0.0003'],
      ['norm=rms, learningRate=0.0003', '–', '–'],
      ['norm=rms, learningRate=0.001', '–', '0.001'],
    ]);
  });

  it('adds up what all runs took', () => {
    // 18 runs of 61.25 s and 1800 J.
    expect(text('#cost')).toContain('18 min 23 s');
    expect(text('#cost')).toContain('0.009 kWh (32,400 J)');
    expect(text('#runs-table')).toContain('failed: the loss is NaN at step 12 | see <log>');
  });

  it('takes names of data for text', () => {
    expect(page.querySelectorAll('main b').length).toBeGreaterThan(0);
    expect([...page.querySelectorAll('main b')].filter(({ textContent }) => textContent.includes('norm`'))).toEqual([]);
  });

  it('warns where the gap is inside the noise, and where one seed says nothing of it', async () => {
    const noisy = await writeAblation({ ...small, failed: [], stopped: [] });
    // The second arm is as good as the baseline, but for noise that changes its sign with the seed.
    for (const [seed, value] of [
      [1, 2.53],
      [2, 2.52],
      [3, 2.57],
    ] as const) {
      // prettier-ignore
      const path = join(noisy, 'cells', `1-${seed}.json`);
      const cell = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, JSON.stringify({ ...cell, value }));
    }
    const warned = new JSDOM(await readFile(await writeReport(noisy), 'utf8')).window.document;
    const warning = warned.querySelector('#summary .warning')?.textContent ?? '';
    expect(warning).toMatch(
      /For 1 of 5 arms the gap to the baseline is inside the noise .*: norm=rms, learningRate=0\.001\./,
    );
    expect(warning).toMatch(/seeds would show them/);
    const one = await writeAblation({ ...small, seeds: [1], failed: [], stopped: [], waiting: ['2-1'] });
    const single = new JSDOM(await readFile(await writeReport(one), 'utf8')).window.document;
    expect(single.querySelector('#summary')?.textContent).toContain(
      'With a single seed nothing can be said of the noise',
    );
    expect(single.querySelector('#summary')?.textContent).toContain('1 of 6 runs are still to come');
    await rm(resolve(noisy, '../../../..'), { recursive: true, force: true });
    await rm(resolve(one, '../../../..'), { recursive: true, force: true });
  });

  it('has a page of 50 arms that is under 2 MB', async () => {
    const norms = Array.from({ length: 25 }, (_, index) => `norm${index}`);
    const many = await writeAblation({ norms, rates: [0.0003, 0.001], seeds: [1, 2], points: 400 });
    const path = await writeReport(many);
    expect((await stat(path)).size).toBeLessThan(2_000_000);
    await rm(resolve(many, '../../../..'), { recursive: true, force: true });
  });

  it('is written where a run is gone, and refuses a record that it cannot read', async () => {
    const broken = await writeAblation({ ...small, seeds: [1] });
    const runFolder = join(broken, '../../../quickstart/2026-11-29-153100-0001');
    await rm(runFolder, { recursive: true });
    // A run that is gone leaves its cell's value.
    const left = new JSDOM(await readFile(await writeReport(broken), 'utf8')).window.document;
    expect(left.querySelector('#runs-table')?.textContent).toContain('quickstart/2026-11-29-153100-0001');
    await writeFile(join(broken, 'ablation.json'), '{"format":2}');
    await expect(writeReport(broken)).rejects.toThrow(/ablation\.json is no record of an ablation/);
    await rm(resolve(broken, '../../../..'), { recursive: true, force: true });
  });
});
