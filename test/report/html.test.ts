import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { JSDOM } from 'jsdom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../src/report/write-report.js';
import { readRun } from '../../src/report/records.js';
import { hostile, writeRun } from './fixtures/run.js';

describe('writeReport', () => {
  let folder: string;
  let page: Document;
  const text = (selector: string): string => page.querySelector(selector)?.textContent ?? '';

  beforeAll(async () => {
    folder = await writeRun();
    const path = await writeReport(folder);
    expect(path).toBe(join(folder, 'report.html'));
    page = new JSDOM(await readFile(path, 'utf8')).window.document;
  });
  afterAll(() => rm(dirname(dirname(folder)), { recursive: true, force: true }));

  it('says what ran, when, with which seed, and how it went', async () => {
    expect(page.title).toBe('quickstart · 2026-11-21-0631-3f9c');
    expect(text('h1')).toBe('quickstart');
    expect(text('.state')).toBe('Done');
    expect(text('time')).toBe('21 November 2026, 06:31 UTC');
    expect(text('.what')).toContain('seed 7');
    expect((await stat(join(folder, 'report.html'))).size).toBeLessThan(2_000_000);
  });

  it('begins with the headline figures', () => {
    const shown = [...page.querySelectorAll('.headline > div')].map((item) => [
      item.querySelector('dt')?.textContent,
      item.querySelector('dd')?.firstChild?.textContent,
    ]);
    // 2 min 15 s: from 06:31:12.0 to 06:33:27.4; the speed is the median of 5100 + 160 sin(step / 9), step 1 … 300.
    expect(shown).toEqual([
      ['Held-out bits per byte', '1.681'],
      ['Held-out loss', '4.313'],
      ['Training loss', expect.stringMatching(/^4\.\d{3}$/)],
      ['Speed', expect.stringMatching(/^5,[01]\d\d$/)],
      ['Parameters', '4,213,504'],
      ['Time', '2 min 15 s'],
      ['Peak memory', '1.8 GiB'],
    ]);
  });

  it('has every section of a report, in the list of contents too', () => {
    const ids = [
      ...['summary', 'training', 'samples', 'data', 'stages'],
      ...['configuration', 'lineage', 'cost', 'environment', 'reproduce'],
    ];
    expect([...page.querySelectorAll('main > section')].map(({ id }) => id)).toEqual(ids);
    expect([...page.querySelectorAll('nav a')].map((link) => link.getAttribute('href'))).toEqual(
      ids.map((id) => `#${id}`),
    );
  });

  it('keeps text of the data as text, wherever it stands', () => {
    const quotes = [...page.querySelectorAll('#samples blockquote')].map(({ textContent }) => textContent);
    expect(quotes).toHaveLength(3);
    expect(quotes[2]).toBe(hostile);
    expect(page.querySelectorAll('main img[src="x"]')).toHaveLength(0);
    expect([...page.scripts].filter(({ text: source }) => source.includes('window.broken'))).toHaveLength(0);
    expect(text('#data table')).toContain('12 <b>tags</b>');
  });

  it('shows a prompt apart from what the model wrote after it', () => {
    expect(text('#samples blockquote b')).toBe('ROMEO:');
  });

  it('begins with what was asked and what was found', () => {
    expect(text('#summary')).toContain('train.steps = 300 (default 360) and train.clip = none (default 1), seed 7');
    expect(text('#summary')).toContain('Found: held-out bits per byte 1.681. All 5 stages are done.');
    expect(text('#summary')).toContain('one run with seed 7');
  });

  const cellsOf = (selector: string): string[][] =>
    [...page.querySelectorAll(`${selector} tbody tr`)].map((row) =>
      [...row.querySelectorAll('th, td')].map((cell) => cell.textContent.trim()),
    );
  const pairsOf = (selector: string): Record<string, string> =>
    Object.fromEntries(
      [...page.querySelectorAll(`${selector} dl > div`)].map((pair) => [
        pair.querySelector('dt')?.textContent ?? '',
        pair.querySelector('dd')?.textContent ?? '',
      ]),
    );

  it('shows what the config changes, and all of it', () => {
    expect(cellsOf('#config-diff')).toEqual([
      ['train.steps', '360', '300'],
      ['train.clip', '1', 'none'],
    ]);
    expect(pairsOf('#configuration')['tokenizer.vocabularySize']).toBe('4,096');
  });

  it('shows what was made from what: as a drawing, and as a table with the files read', () => {
    const rows = cellsOf('#artifacts');
    const before = ['corpus', 'split-corpus', 'aaaaaaaaaaaa', '–', 'eeeeeeeeeeee', 'tensorflow-2.21 xla float32'];
    expect(rows[0]).toEqual([...before, 'from the store']);
    expect(rows[2]?.slice(3)).toEqual([
      'corpus, tokenizer',
      'eeeeeeeeeeee',
      'tensorflow-2.21 xla float32',
      '1 min 58 s',
    ]);
    const drawing = page.querySelector('#lineage .drawing svg');
    expect(drawing?.getAttribute('aria-label')).toContain('base from corpus and tokenizer');
    // 5 stages and the box of the file; 8 edges between stages and one from the file.
    expect(drawing?.querySelectorAll('rect')).toHaveLength(6);
    expect(drawing?.querySelectorAll('path')).toHaveLength(9);
    expect(drawing?.textContent).toContain('shakespeare.txt');
    expect(cellsOf('#files')).toEqual([['datasets/shakespeare.txt', '999999999999', 'corpus']]);
  });

  it('tells the environment, the cost, and how to reproduce it', async () => {
    expect(pairsOf('#environment')['engine · version']).toBe('2.21.0');
    expect(pairsOf('#cost')).toMatchObject({
      time: '2 min 15 s',
      'energy of training': '0.0015 kWh (5,400 J)',
      'peak memory': '1.8 GiB',
    });
    expect(text('#cost')).not.toContain('EUR an hour');
    expect(text('#reproduce pre')).toBe('npx trainbook reproduce runs/quickstart/2026-11-21-0631-3f9c');
    expect(pairsOf('#reproduce')['changes']).toBe('changed since; the change is kept beside the run (changes.patch)');
    expect(text('#reproduce details pre')).toContain('--set data.shares.shakespeare=0.6 \\\n');
    expect(text('#reproduce details pre')).toContain(`--set 'model.norm="rms"'`);
    // 135.4 s at 36 an hour: 1.354.
    const priced = await readFile(await writeReport(folder, { price: { perHour: 36, currency: 'EUR' } }), 'utf8');
    expect(priced).toContain('<dd>1.35 EUR</dd>');
    expect(priced).toContain('the stated price of 36 EUR an hour');
  });

  it('says of each figure which run, config and data it is of, with its numbers', () => {
    for (const figure of page.querySelectorAll('.chart')) {
      const source = figure.querySelector('.source')?.textContent.replace(/\s+/g, ' ') ?? '';
      expect(source).toMatch(/run quickstart\/2026-11-21-0631-3f9c config [0-9a-f]{12} data aaaaaaaaaaaa/);
      const id = figure.querySelector('[data-of]')?.getAttribute('data-of') ?? '';
      const values = JSON.parse(page.getElementById(id)?.textContent ?? '') as { origin: { data: string } };
      expect(values.origin.data).toBe('aaaaaaaaaaaa');
    }
    const loss = JSON.parse(text('#base-loss-values')) as { data: { y: number[] }[]; smoothing: number };
    expect(loss.data[0]?.y).toHaveLength(300);
    expect(loss.smoothing).toBe(5);
  });

  it('has pictures that need no script, each with its name, and headings in order', () => {
    const figures = [...page.querySelectorAll('.chart')];
    expect(figures.map((figure) => figure.querySelector('figcaption b')?.textContent)).toEqual([
      'Loss',
      'Learning rate',
      'Tokens per second',
      'What became of each document',
      'Length of documents',
      'What was made from what',
    ]);
    for (const figure of figures) {
      const picture = figure.querySelector('.still svg, .still img');
      expect(picture?.getAttribute('aria-label') ?? picture?.getAttribute('alt')).toBeTruthy();
    }
    const levels = [...page.querySelectorAll('h1, h2, h3, h4')].map(({ tagName }) => Number(tagName.slice(1)));
    levels.forEach((level, index) => {
      expect(level).toBeLessThanOrEqual((levels[index - 1] ?? 0) + 1);
    });
  });

  it('is written for a run that failed at once, with its error', async () => {
    const early = join(await mkdtemp(join(tmpdir(), 'trainbook-early-')), 'run');
    const { spec } = await readRun(folder);
    await mkdir(early);
    await writeFile(join(early, 'spec.json'), JSON.stringify(spec));
    await writeFile(
      join(early, 'status.json'),
      JSON.stringify({ state: 'failed', startedAt: '2026-11-21T06:31:12.000Z', error: 'corpus: no file <a>' }),
    );
    const failed = new JSDOM(await readFile(await writeReport(early), 'utf8')).window.document;
    expect(failed.querySelector('.failure')?.textContent).toBe('corpus: no file <a>');
    expect([...failed.querySelectorAll('main > section')].map(({ id }) => id)).toEqual([
      'summary',
      'configuration',
      'cost',
      'reproduce',
    ]);
    expect(failed.querySelector('#summary')?.textContent).toContain('It failed after 0 of 5 stages.');
    await rm(dirname(early), { recursive: true });
  });

  it('refuses a folder that is no run, and a record that it cannot read', async () => {
    await expect(writeReport(tmpdir())).rejects.toThrow(/no run in this folder[\s\S]*npx trainbook run/);
    const status = join(folder, 'status.json');
    const before = await readFile(status, 'utf8');
    await writeFile(status, '{"state":"dreaming","startedAt":"2026-11-21T06:31:12.000Z"}');
    await expect(writeReport(folder)).rejects.toThrow(/status\.json is not a run record[\s\S]*state/);
    await writeFile(status, before);
  });

  it('reads metrics while a line is being written', async () => {
    const before = (await readRun(folder)).metrics.length;
    await appendFile(join(folder, 'metrics.jsonl'), '{"attempt":1,"stage":"base","st');
    expect((await readRun(folder)).metrics).toHaveLength(before);
  });
});
