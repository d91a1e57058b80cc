import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openJudgements, readJudgements } from '../../../src/data/audit/judgements.js';
import type { JudgementFile } from '../../../src/data/audit/judgements.js';
import type { ReviewItem, ReviewSample } from '../../../src/data/audit/review-sample.js';
import { startReview } from '../../../src/report/review/server.js';
import type { ReviewServer } from '../../../src/report/review/server.js';
import { chromiumPath, launchChromium } from '../watch/chromium.js';

const item = (index: number, hit: boolean, text: string, language = 'en'): ReviewItem => {
  const from = text.indexOf('555');
  return { id: `id${index}`, source: 'web', language, text, hit, spans: hit ? [{ from, to: from + 8 }] : [] };
};
const sample: ReviewSample = {
  rule: 'phone <b>numbers</b>',
  seed: 1,
  hits: 40,
  misses: 400,
  items: [
    item(
      0,
      true,
      `Call 555-1234 today. <img src=x onerror="window.broken = 1">\n${'A long line of text. '.repeat(200)}`,
    ),
    item(1, false, '没有电话号码的一篇文档。\n第二行。', 'zh'),
    item(2, true, `${'Much before it. '.repeat(300)}\nThe part 555-0000 is a part number.`),
    item(3, false, 'Nothing here.'),
  ],
};
const time = new Date('2026-11-29T19:20:00.000Z');

let folder = '';
let path = '';
let file: JudgementFile;
let server: ReviewServer;
const start = async (): Promise<void> => {
  file = await openJudgements(path, { rule: sample.rule, seed: 1, annotator: 'mei' }, () => time);
  server = await startReview({ sample, file });
};
const stop = async (): Promise<void> => {
  await server.close();
  await file.close();
};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-review-'));
  path = join(folder, 'judgements.jsonl');
  await start();
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

const judge = (body: string, type = 'application/json'): Promise<Response> =>
  fetch(`${server.address}judge`, { method: 'POST', headers: { 'content-type': type }, body });

describe('the server', () => {
  it('gives the page and the documents to whoever has the address alone', async () => {
    const page = await fetch(server.address);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'sha256-/u);
    expect(await page.text()).toContain('phone &lt;b&gt;numbers&lt;/b&gt;');
    const { origin } = new URL(server.address);
    for (const other of ['/', '/state', `/${'0'.repeat(32)}/state`, `/${'é'.repeat(32)}/`]) {
      expect((await fetch(`${origin}${other}`)).status).toBe(404);
    }
    const found = (await (await fetch(`${server.address}item?number=0`)).json()) as object;
    expect(found).toMatchObject({ id: 'id0', spans: [{ from: 5, to: 13 }] });
    expect(found).not.toHaveProperty('hit'); // judged without being told
    expect((await fetch(`${server.address}item?number=4`)).status).toBe(404);
    const status = await new Promise((resolve) => {
      request(server.address, { headers: { host: 'evil.example' } }, (answer) => {
        resolve(answer.statusCode);
      }).end();
    });
    expect(status).toBe(403);
  });

  it('writes each judgement down before it answers, and gives the scores', async () => {
    const answer = await judge('{"number":0,"judgement":"yes"}');
    expect(await answer.json()).toMatchObject({
      count: 4,
      judgements: { 0: 'yes' },
      scores: { precision: { value: 1 }, hits: { judged: 1, documents: 40 } },
    });
    expect(await readFile(path, 'utf8')).toBe(
      '{"rule":"phone <b>numbers</b>","seed":1,"document":"id0","judgement":"yes","annotator":"mei","time":"2026-11-29T19:20:00.000Z"}\n',
    );
  });

  it('refuses what is no judgement, also of another page’s form', async () => {
    for (const body of ['{"number":9,"judgement":"yes"}', '{"number":0,"judgement":"maybe"}', 'x', ' '.repeat(5000)]) {
      expect((await judge(body)).status).toBe(400);
    }
    expect((await judge('{"number":0,"judgement":"yes"}', 'text/plain')).status).toBe(400);
    expect((await fetch(server.address, { method: 'DELETE' })).status).toBe(405);
    expect(file.judgements.size).toBe(0);
  });

  it('goes on after a restart, also where the last line was cut off', async () => {
    await judge('{"number":0,"judgement":"yes"}');
    await judge('{"number":2,"judgement":"no"}');
    await judge('{"number":2,"judgement":null}');
    await stop();
    await appendFile(path, '{"rule":"phone');
    await start();
    expect([...file.judgements]).toEqual([['id0', 'yes']]);
    await judge('{"number":3,"judgement":"unsure"}');
    expect((await readJudgements(path)).lines.map(({ document, judgement }) => [document, judgement])).toEqual([
      ['id0', 'yes'],
      ['id2', 'no'],
      ['id2', null],
      ['id3', 'unsure'],
    ]);
  });

  it('keeps people apart, and refuses the judgements of another sample', async () => {
    await judge('{"number":0,"judgement":"yes"}');
    const other = await openJudgements(path, { rule: sample.rule, seed: 1, annotator: 'jo' });
    expect(other.judgements.size).toBe(0);
    await other.close();
    await expect(openJudgements(path, { rule: 'e-mail', seed: 1, annotator: 'mei' })).rejects.toThrow(
      /judgements of another sample[^]*seed 1/u,
    );
    await appendFile(path, 'nonsense\n');
    await expect(readJudgements(path)).rejects.toThrow(/line 2 of .* is no judgement[^]*nonsense/u);
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

  const open = async (options: {
    width: number;
    scheme: 'light' | 'dark';
    locale: string;
    first?: number;
  }): Promise<{ page: Page; complaints: string[] }> => {
    const { width, scheme: colorScheme, locale, first = 1 } = options;
    const page = await browser.newPage({ viewport: { width, height: 760 }, colorScheme, locale });
    page.setDefaultTimeout(55_000); // a busy machine: the test's own limit is the one that counts
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (asked) => {
      if (!asked.url().startsWith(server.address) && !asked.url().startsWith('data:')) complaints.push(asked.url());
    });
    await page.goto(server.address);
    await page.locator('#number', { hasText: String(first) }).waitFor();
    return { page, complaints };
  };

  it.each([
    { width: 1100, scheme: 'light', locale: 'en-GB' },
    { width: 390, scheme: 'dark', locale: 'zh-CN' },
    { width: 390, scheme: 'light', locale: 'en-US' },
  ] as const)('fits $width px, $scheme, in $locale, and loads nothing', async (options) => {
    const { page, complaints } = await open(options);
    const chinese = options.locale.startsWith('zh');
    expect(await page.locator('h1').innerText()).toBe(
      chinese
        ? '规则“phone <b>numbers</b>”应该处理这篇文档吗？'
        : 'Should the rule “phone <b>numbers</b>” act on this document?',
    );
    expect(await page.locator('mark').innerText()).toBe('555-1234');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(options.width);
    // Nothing is below the fold: the text scrolls by itself, the buttons stay.
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThanOrEqual(760);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    const shots = process.env['TRAINBOOK_SCREENSHOTS'];
    if (shots !== undefined)
      await page.screenshot({ path: join(shots, `review-${options.width}-${options.scheme}.png`) });
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('is judged by keys, undone, and left and come back to', async () => {
    const { page, complaints } = await open({ width: 800, scheme: 'dark', locale: 'en' });
    await page.keyboard.press('y');
    await page.locator('#number', { hasText: '2' }).waitFor();
    expect(await page.locator('#text').getAttribute('lang')).toBe('zh');
    await page.keyboard.press('n');
    await page.locator('#number', { hasText: '3' }).waitFor();
    // What is marked far below is scrolled to.
    expect(await page.evaluate("document.getElementById('text').scrollTop")).toBeGreaterThan(500);
    await page.keyboard.press('z');
    await page.locator('#number', { hasText: '2' }).waitFor();
    expect(await page.locator('#count').innerText()).toBe('1 of 4 judged');
    expect([...file.judgements]).toEqual([['id0', 'yes']]);
    await page.keyboard.press('u');
    await page.locator('#number', { hasText: '3' }).waitFor();
    await page.close();
    const again = await open({ width: 800, scheme: 'dark', locale: 'en', first: 3 });
    expect(await again.page.locator('#count').innerText()).toBe('2 of 4 judged');
    await again.page.close();
    expect(complaints).toEqual([]);
  });

  it('tells when all is judged, and the precision and recall', async () => {
    const { page } = await open({ width: 800, scheme: 'light', locale: 'en' });
    const judgements = ['yes', 'no', 'no', 'no'];
    for (const [index, judgement] of judgements.entries()) {
      await page.locator(`[data-judgement=${judgement}]`).click();
      await page.locator('#count', { hasText: `${index + 1} of 4` }).waitFor();
      if (index < 3) await page.locator('#number', { hasText: String(index + 2) }).waitFor();
    }
    expect(await page.locator('#done').isVisible()).toBe(true);
    expect(await page.locator('#precision').innerText()).toMatch(/^50\.0% \(/u);
    expect(await page.locator('#recall').innerText()).toMatch(/^100\.0% \(/u);
    await page.close();
  });

  it('says so where a judgement cannot be written down', async () => {
    const { page } = await open({ width: 800, scheme: 'light', locale: 'en' });
    await file.close();
    await page.keyboard.press('y');
    await page.locator('#trouble', { hasText: 'Not written down' }).waitFor();
    expect(await page.locator('#number').innerText()).toBe('Document 1');
    await page.close();
  });
});
