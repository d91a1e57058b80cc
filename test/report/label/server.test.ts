import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLabelling } from '../../../src/data/label/labelling.js';
import type { Labelling } from '../../../src/data/label/labelling.js';
import { readRankingLines } from '../../../src/data/label/rankings-file.js';
import { readSamples } from '../../../src/data/post-training/index.js';
import { startLabelling } from '../../../src/report/label/server.js';
import type { LabelServer } from '../../../src/report/label/server.js';
import { chromiumPath, launchChromium } from '../watch/chromium.js';

const lines: readonly { id: string; language?: string; prompt: unknown; answers: readonly unknown[] }[] = [
  {
    id: 'code',
    language: 'en',
    prompt: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'How do I read a file?' },
    ],
    answers: [
      { text: 'So:\n\n```ts\nreadFile(path); // <b>\n```\n\nIt is **short**.', model: 'secret-sft' },
      { text: `<img src=x onerror="window.broken = 1">${' A long answer.'.repeat(300)}`, model: 'secret-base' },
      'I do not know.',
    ],
  },
  { id: 'poem', language: 'zh', prompt: '写一句关于月亮的诗。', answers: ['床前明月光，\n疑是地上霜。', '月亮很圆。'] },
];

let folder = '';
let labelling: Labelling;
let server: LabelServer;
const start = async (dimensions: readonly string[] = ['preference']): Promise<void> => {
  const { rows: samples } = await readSamples(join(folder, 'samples.jsonl'));
  const file = { file: 'samples.jsonl', hash: '9e10' };
  labelling = await openLabelling({
    samples,
    file,
    folder: join(folder, 'out'),
    annotator: '梅',
    dimensions,
    overlap: 1,
  });
  server = await startLabelling(labelling, 0);
};
const stop = async (): Promise<void> => {
  await server.close();
  await labelling.close();
};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-label-page-'));
  await writeFile(join(folder, 'samples.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await start();
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

interface State {
  readonly done: number;
  readonly task?: { readonly sample: string; readonly answers: readonly { readonly text: string }[] };
}
const post = (path: string, body: unknown, type = 'application/json'): Promise<Response> =>
  fetch(`${server.address}${path}`, { method: 'POST', headers: { 'content-type': type }, body: JSON.stringify(body) });
const state = async (): Promise<State> => (await (await fetch(`${server.address}state`)).json()) as State;
const rankings = async (): Promise<readonly (string | null)[]> =>
  (await readRankingLines(labelling.path)).lines.map(
    ({ name, dimension, ranking }) => `${name ?? ''} ${dimension} ${ranking ?? '-'}`,
  );

describe('the server', () => {
  it('gives the page and the samples to whoever has the address alone, and nothing of who wrote what', async () => {
    const page = await fetch(server.address);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'sha256-/u);
    const { origin } = new URL(server.address);
    for (const other of ['/', '/state', `/${'0'.repeat(32)}/state`]) {
      expect((await fetch(`${origin}${other}`)).status).toBe(404);
    }
    const status = await new Promise((resolve) => {
      request(server.address, { headers: { host: 'evil.example' } }, (answer) => {
        resolve(answer.statusCode);
      }).end();
    });
    expect(status).toBe(403);
    const text = JSON.stringify(await state());
    expect(text).not.toContain('secret');
    expect(text).not.toMatch(/origins|"id"/u);
  });

  it('writes each judgement down before it answers, and gives the next sample', async () => {
    const { task } = await state();
    const groups = (task?.answers ?? []).map((_, place) => [place]);
    const answer = await post('judge', { sample: task?.sample, dimension: 'preference', groups, seconds: 3.14159 });
    const next = (await answer.json()) as State;
    expect(next.done).toBe(1);
    expect(next.task?.sample).not.toBe(task?.sample);
    const { lines: written } = await readRankingLines(labelling.path);
    expect(written).toMatchObject([{ sample: task?.sample, annotator: '梅', seconds: 3.1 }]);
    expect((await post('skip', { sample: next.task?.sample, reason: '我对此了解太少', seconds: 1 })).status).toBe(200);
    expect(await state()).toMatchObject({ done: 2, canUndo: true });
    expect((await state()).task).toBeUndefined();
    expect(await (await post('undo', {})).json()).toMatchObject({ done: 1, task: { sample: next.task?.sample } });
  });

  it('refuses what is no judgement, also of another page’s form', async () => {
    const { task } = await state();
    const right = {
      sample: task?.sample,
      dimension: 'preference',
      groups: [[0, 1, 2].slice(0, task?.answers.length)],
      seconds: 1,
    };
    const wrong = [
      {},
      'x',
      { ...right, sample: 'other' },
      { ...right, groups: [[0]] },
      { ...right, seconds: -1 },
      { ...right, more: 1 },
    ];
    for (const body of wrong) expect((await post('judge', body)).status).toBe(400);
    expect((await post('judge', right, 'text/plain')).status).toBe(400);
    expect((await post('skip', { sample: task?.sample, reason: ' ', seconds: 1 })).status).toBe(400);
    expect((await post('skip', { sample: task?.sample, reason: 'x'.repeat(9000), seconds: 1 })).status).toBe(400);
    expect((await post('undo', {})).status).toBe(400);
    expect((await post('state', {})).status).toBe(405);
    expect(await rankings()).toEqual([]);
    expect((await post('judge', right)).status).toBe(200);
  });

  it('says that the disk is full', async () => {
    const { task } = await state();
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const failing = { ...labelling, judge: () => Promise.reject(full) };
    await server.close();
    server = await startLabelling(failing, 0);
    const body = { sample: task?.sample, dimension: 'preference', groups: [[0]], seconds: 1 };
    const answer = await post('judge', body);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe('the disk is full\n');
  });
});

describe.skipIf(chromiumPath === undefined)('the page in a browser (skipped where no Chromium is in PATH)', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromiumPath ?? '');
  });
  afterAll(async () => {
    await browser.close();
  });

  const open = async (options: { width?: number; scheme?: 'light' | 'dark'; locale?: string } = {}) => {
    const { width = 900, scheme: colorScheme = 'light', locale = 'en' } = options;
    const page = await browser.newPage({ viewport: { width, height: 760 }, colorScheme, locale });
    page.setDefaultTimeout(55_000); // a busy machine: the test's own limit is the one that counts
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (asked) => {
      if (!asked.url().startsWith(server.address) && !asked.url().startsWith('data:')) complaints.push(asked.url());
    });
    await page.goto(server.address);
    await page.locator('.answer').first().waitFor();
    return { page, complaints };
  };
  /** Goes on until the sample of that name is shown. */
  const goTo = async (page: Page, numAnswers: number): Promise<void> => {
    if ((await page.locator('.answer').count()) === numAnswers) return;
    await page.keyboard.press('0');
    await page.keyboard.press('Enter');
    await page.locator('#count', { hasText: '1 of 2' }).waitFor();
    await page.locator('.answer').first().waitFor();
  };
  /** The letter of the answer that begins so. */
  const letter = async (page: Page, text: string): Promise<string> =>
    page.locator('.answer', { hasText: text }).locator('.letter').innerText();

  it.each([
    { width: 1280, scheme: 'light', locale: 'en-GB' },
    { width: 390, scheme: 'dark', locale: 'zh-CN' },
    { width: 390, scheme: 'light', locale: 'en-US' },
  ] as const)('fits $width px, $scheme, in $locale, and loads nothing', async (options) => {
    const { page, complaints } = await open(options);
    const isChinese = options.locale.startsWith('zh');
    expect(await page.locator('h1').innerText()).toBe(
      isChinese ? '哪个回答最好？从好到差排列。' : 'Which answer is the best? Best first.',
    );
    for (const turn of [1, 2]) {
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(options.width);
      expect(await page.locator('#save').isVisible()).toBe(true);
      const tops = await page
        .locator('.answer')
        .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
      if (options.width > 1000) expect(new Set(tops).size).toBe(1); // side by side
      const shots = process.env['TRAINBOOK_SCREENSHOTS'];
      if (shots !== undefined) {
        await page.screenshot({ path: join(shots, `label-${options.width}-${options.scheme}-${turn}.png`) });
      }
      await page.keyboard.press('0');
      await page.keyboard.press('Enter');
      await page.waitForFunction((done) => document.title.startsWith(done), `${turn} / 2`);
    }
    expect(await page.locator('#done').isVisible()).toBe(true);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows answers as text, code apart, and as written', async () => {
    const { page } = await open();
    await goTo(page, 3);
    expect(await page.locator('.answer pre code').innerText()).toBe('readFile(path); // <b>');
    expect(await page.locator('.answer strong').innerText()).toBe('short');
    expect(await page.locator('.answer img').count()).toBe(0);
    expect(await page.locator('.answer', { hasText: '<img src=x' }).count()).toBe(1);
    await page.keyboard.press('m');
    expect(await page.locator('.raw', { hasText: '```ts' }).innerText()).toBe(
      'So:\n\n```ts\nreadFile(path); // <b>\n```\n\nIt is **short**.',
    );
    expect(await page.locator('.answer').first().locator('.text').getAttribute('lang')).toBe('en');
    await page.close();
  });

  it('is judged by keys, dimension by dimension, undone, and left and come back to', async () => {
    await stop();
    await start(['safety', 'fluency']);
    const { page, complaints } = await open();
    const first = await page.locator('.answer').count();
    await page.keyboard.press('a');
    if (first === 3) await page.keyboard.press('c');
    await page.keyboard.press('Enter');
    await page.locator('#question', { hasText: 'fluency' }).waitFor();
    expect(await page.locator('.said').innerText()).toBe(first === 3 ? 'A > C > B' : 'A > B');
    await page.keyboard.press('b');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Enter'); // is not whole
    await page.keyboard.press('0');
    await page.keyboard.press('Enter');
    await page.locator('#count', { hasText: '1 of 2' }).waitFor();
    await page.keyboard.press('z');
    await page.locator('#count', { hasText: '0 of 2' }).waitFor();
    expect(await page.locator('#ranking .chip').allInnerTexts()).toEqual(Array.from('ABC'.slice(0, first)));
    await page.keyboard.press('Enter');
    await page.locator('#count', { hasText: '1 of 2' }).waitFor();
    await page.keyboard.press('s');
    await page.locator('#skipping').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('s');
    await page.keyboard.press('2');
    await page.locator('#done').waitFor();
    await page.close();
    const [one, two] = first === 3 ? ['code', 'poem'] : ['poem', 'code'];
    expect((await rankings()).map((line) => line?.split(' ').slice(0, 2).join(' '))).toEqual([
      ...[`${one} safety`, `${one} fluency`, `${one} fluency`, `${one} fluency`],
      ...[`${two} safety`, `${two} fluency`],
    ]);
    expect((await readRankingLines(labelling.path)).lines.at(-1)).toMatchObject({ skipped: 'The prompt is unclear' });
    expect(complaints).toEqual([]);
  });

  it('is judged by the mouse, and Enter saves after a click', async () => {
    const { page } = await open();
    await goTo(page, 2);
    const [poem, plain] = [await letter(page, '床前'), await letter(page, '很圆')];
    await page.locator('.answer', { hasText: '床前' }).locator('.text').click();
    expect(await page.locator('#ranking .chip').allInnerTexts()).toEqual([poem, plain]);
    await page.locator('#tie').click();
    await page.locator('#erase').click();
    await page.locator('.answer', { hasText: '很圆' }).locator('.head').click(); // anew
    await page.keyboard.press('Enter');
    await page.waitForFunction((name) => !document.body.innerText.includes(name), '很圆');
    expect((await rankings()).at(-1)).toBe('poem preference B > A');
    await page.close();
  });

  it('says so where a judgement cannot be saved, keeps it, and saves it later', async () => {
    const { page } = await open();
    const judge = vi.spyOn(labelling, 'judge').mockRejectedValue(new Error('ENOSPC: no space left on device, write'));
    await page.keyboard.press('0');
    await page.keyboard.press('Enter');
    await page.locator('#trouble', { hasText: 'Not saved' }).waitFor();
    expect(await page.locator('#trouble').innerText()).toMatch(/no space left[^]*kept on this page/u);
    expect(await page.locator('#save').isEnabled()).toBe(true);
    judge.mockRestore();
    await page.keyboard.press('Enter');
    await page.locator('#count', { hasText: '1 of 2' }).waitFor();
    expect(await page.locator('#trouble').isVisible()).toBe(false);
    expect(await rankings()).toHaveLength(1);
    await page.close();
  });
});
