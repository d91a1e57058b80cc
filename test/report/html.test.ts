import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

  it('says what ran, when, with which seed, and how it went', () => {
    expect(page.title).toBe('quickstart · 2026-11-21-0631-3f9c');
    expect(text('h1')).toBe('quickstart');
    expect(text('.state')).toBe('Done');
    expect(text('time')).toBe('21 November 2026, 06:31 UTC');
    expect(text('.what')).toContain('seed 7');
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
    const ids = ['training', 'samples', 'stages', 'configuration', 'lineage', 'environment', 'reproduce'];
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
    expect(text('#stages table')).toContain('12 <b>tags</b>');
  });

  it('shows a prompt apart from what the model wrote after it', () => {
    expect(text('#samples blockquote b')).toBe('ROMEO:');
  });

  it('shows config, lineage and environment readably', () => {
    const config = [...page.querySelectorAll('#configuration .config > div')].map((group) => group.textContent.trim());
    expect(config.find((group) => group.startsWith('tokenizer'))).toMatch(/vocabulary size\s*4,096/);
    const rows = [...page.querySelectorAll('#lineage tbody tr')].map((row) =>
      [...row.querySelectorAll('th, td')].map((cell) => cell.textContent.trim()),
    );
    expect(rows[0]).toEqual([
      'corpus',
      'split-corpus',
      'aaaaaaaaaaaa',
      '–',
      'eeeeeeeeeeee',
      'tensorflow-2.21 xla float32',
      'from the store',
    ]);
    expect(rows[2]?.slice(3)).toEqual([
      'corpus, tokenizer',
      'eeeeeeeeeeee',
      'tensorflow-2.21 xla float32',
      '1 min 58 s',
    ]);
    expect(text('#environment')).toMatch(/engine · version\s*2\.21\.0/);
    expect(text('#environment')).toMatch(/peak memory\s*1\.8 GiB/);
    expect(text('#reproduce details pre')).toContain('--set data.shares.shakespeare=0.6 \\\n');
    expect(text('#reproduce details pre')).toContain(`--set 'model.norm="rms"'`);
    expect(text('#reproduce pre')).toBe(`npx trainbook run 'experiments/my quickstart.ts' --seed 7`);
  });

  it('has pictures that need no script, each with its name, and headings in order', () => {
    const figures = [...page.querySelectorAll('.chart')];
    expect(figures.map((figure) => figure.querySelector('figcaption b')?.textContent)).toEqual([
      'Loss',
      'Learning rate',
      'Tokens per second',
      'What became of each document',
      'Length of documents',
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
    expect([...failed.querySelectorAll('main > section')].map(({ id }) => id)).toEqual(['configuration', 'reproduce']);
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
