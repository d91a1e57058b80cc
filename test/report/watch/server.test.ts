import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWatching } from '../../../src/report/watch/server.js';
import type { WatchServer } from '../../../src/report/watch/server.js';
import { chromiumPath, launchChromium } from './chromium.js';
import { grow, trainingRows, writeBusyFolder } from './fixtures.js';

let runs = '';
let live = '';
let server: WatchServer;
beforeAll(async () => {
  runs = await mkdtemp(join(tmpdir(), 'trainbook-watch-'));
  ({ live } = await writeBusyFolder(runs, Date.now()));
  server = await startWatching({ runsFolder: runs, milliseconds: 100 });
});
afterAll(async () => {
  await server.close();
  await rm(runs, { recursive: true, force: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function ask(path: string, { method = 'GET', host = '127.0.0.1' } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, server.address), { method, headers: { host } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    asked.on('error', reject).end();
  });
}

describe('the server', () => {
  it('serves the page, with a policy that loads nothing, and reads alone', async () => {
    const { status, headers, text } = await ask('/');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'sha256-/u);
    expect(text).not.toContain('<img');
    expect(text).toContain('&lt;img src=x onerror=');
    expect((await ask('/', { method: 'POST' })).status).toBe(405);
    expect((await ask('/', { method: 'DELETE' })).status).toBe(405);
    expect((await ask('/../../etc/passwd')).status).toBe(404);
  });

  it('answers this machine alone: another name that leads here is refused', async () => {
    expect((await ask('/', { host: 'evil.example' })).status).toBe(403);
    expect((await ask('/', { host: 'localhost.evil.example' })).status).toBe(403);
    expect((await ask('/events', { host: 'evil.example:80' })).status).toBe(403);
    expect((await ask('/', { host: 'localhost:9000' })).status).toBe(200); // through a tunnel
  });

  it('says what is wrong with a port that is taken', async () => {
    const port = Number(new URL(server.address).port);
    await expect(startWatching({ runsFolder: runs, port })).rejects.toThrow(/port is taken[^]*another --port/u);
  });

  it('has a page for a folder without runs', async () => {
    const empty = await startWatching({ runsFolder: join(runs, 'none') });
    const text = await (await fetch(empty.address)).text();
    await empty.close();
    expect(text).toContain('There are no runs yet');
    for (const metric of ['latencySeconds', 'accuracy', 'tokensPerSecond']) expect(text).toContain(metric);
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

  const open = async (width: number, colorScheme: 'light' | 'dark'): Promise<{ page: Page; complaints: string[] }> => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(server.address);
    await page.waitForSelector('#link.live');
    return { page, complaints };
  };

  it.each([
    { width: 1280, scheme: 'light' },
    { width: 1280, scheme: 'dark' },
    { width: 390, scheme: 'light' },
    { width: 390, scheme: 'dark' },
  ] as const)('fits $width px, $scheme, and complains of nothing', async ({ width, scheme }) => {
    const { page, complaints } = await open(width, scheme);
    for (const panel of ['loss', 'latency', 'accuracy', 'rate']) {
      expect(await page.locator(`#panel-${panel} svg[role=img] >> visible=true`).count()).toBe(1);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(complaints).toEqual([]);
    const shots = process.env['TRAINBOOK_SCREENSHOTS'];
    if (shots !== undefined)
      await page.screenshot({ path: join(shots, `watch-${width}-${scheme}.png`), fullPage: true });
    await page.close();
  });

  it('shows alerts, the last run, workers and cells', async () => {
    const { page } = await open(1280, 'light');
    const alerts = await page.locator('#alerts').innerText();
    expect(alerts).toMatch(/loss spike loss 7\.\d+ at step 350, where about 2\.\d+ was usual; back at step 351/u);
    expect(alerts).toContain('the loss is not a number from step 301 on');
    expect(alerts).toMatch(
      /accuracy below the last run accuracy 88\.4% at step 400; run 2026-11-28-091500-77aa had 89\.4%/u,
    );
    expect(await page.locator('#panel-latency .values').innerText()).toMatch(
      /\d+(\.\d+)? ms\s+p50\s+\d+(\.\d+)? ms\s+p95/u,
    );
    const workers = await page.locator('#workers').innerText();
    expect(workers).toContain(`${process.pid} on`);
    expect(workers).toContain('2 done, 1 running, 1 failed of 6 cells');
    await page.close();
  });

  it('follows a run that grows, without being loaded again', async () => {
    const { page, complaints } = await open(800, 'dark');
    const path = (): Promise<string | null> => page.locator('#panel-loss .wide svg path').last().getAttribute('d');
    const before = await path();
    await page.evaluate('window.marked = true');
    const now = Date.now();
    await grow(live, trainingRows(460, now).slice(400));
    await page.locator('#summary', { hasText: 'step 460' }).waitFor();
    expect(await path()).not.toBe(before);
    await grow(live, [{ attempt: 1, stage: 'sft', step: 461, time: now, values: { loss: Number.NaN } }]);
    await page.locator('#alerts', { hasText: 'not a number from step 461' }).waitFor();
    expect(await page.evaluate('window.marked')).toBe(true);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('says when the server has ended', async () => {
    const own = await startWatching({ runsFolder: runs, milliseconds: 100 });
    const page = await browser.newPage();
    await page.goto(own.address);
    await page.waitForSelector('#link.live');
    await own.close();
    await page.waitForSelector('#link.lost');
    await page.close();
  });
});
