import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../src/report/write-report.js';
import { readRun } from '../../src/report/records.js';
import { movingAverage } from '../../src/report/smoothing.js';
import { writeAblation } from './fixtures/ablation.js';
import { writeRun } from './fixtures/run.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

describe.skipIf(executablePath === undefined)(
  'a report in a browser (skipped where no Chromium is in PATH: apt-get install chromium)',
  () => {
    let browser: Browser;
    let folder: string;
    let url: string;

    beforeAll(async () => {
      folder = await writeRun();
      url = pathToFileURL(await writeReport(folder)).href;
      browser = await chromium.launch({
        ...(executablePath === undefined ? {} : { executablePath }),
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
      });
    });
    afterAll(async () => {
      await browser.close();
      await rm(dirname(dirname(folder)), { recursive: true, force: true });
    });

    interface Seen {
      readonly page: Page;
      readonly complaints: readonly string[];
      readonly requests: readonly string[];
    }

    async function open(
      options: { width: number; colorScheme: 'light' | 'dark'; javaScriptEnabled?: boolean },
      address = url,
    ): Promise<Seen> {
      const { width, ...rest } = options;
      const page = await browser.newPage({ viewport: { width, height: 900 }, ...rest });
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(address);
      return { page, complaints, requests };
    }

    it.each([
      { width: 1280, colorScheme: 'light' },
      { width: 390, colorScheme: 'dark' },
    ] as const)(
      'draws its charts at $width px, $colorScheme, loads nothing and complains of nothing',
      async (options) => {
        const { page, complaints, requests } = await open(options);
        await page.waitForSelector('.chart[data-figure="stage-corpus-figure-1-values"][data-drawn]');
        expect(await page.locator('.chart[data-drawn] .live svg.main-svg').count()).toBeGreaterThanOrEqual(4);
        // The curve of the loss has a point for each step: its path is no straight line.
        const path = await page.locator('#base-loss .live .scatterlayer path.js-line').first().getAttribute('d');
        expect(path?.split('L').length).toBeGreaterThan(200);
        expect(complaints).toEqual([]);
        expect(requests).toEqual([url]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(options.width);
        expect(await page.evaluate('window.broken')).toBeUndefined();
        await page.close();
      },
    );

    it('shows still pictures where scripts are off, and no control that would do nothing', async () => {
      const { page } = await open({ width: 800, colorScheme: 'light', javaScriptEnabled: false });
      expect(await page.locator('.chart .still >> visible=true').count()).toBe(6);
      expect(await page.locator('.controls >> visible=true, [data-download] >> visible=true').count()).toBe(0);
      await page.close();
    });

    it('smooths curves by the formula of the still pictures, and turns axes to logarithms', async () => {
      const { page, complaints } = await open({ width: 1000, colorScheme: 'light' });
      await page.waitForSelector('html[data-ready]');
      const shown = (): Promise<{ y: number[]; type: string }> =>
        page.evaluate(`(() => {
          const { data, layout } = document.querySelector('#base-loss .live');
          return { y: Array.from(data[1].y), type: layout.yaxis.type };
        })()`);
      const { metrics } = await readRun(folder);
      const losses = metrics.filter(({ stage }) => stage === 'base').map(({ values }) => values['loss'] ?? Number.NaN);
      const expected = movingAverage(losses, 5);
      const before = await shown();
      // The page has 6 digits.
      before.y.forEach((value, index) => {
        expect(value).toBeCloseTo(expected[index] ?? Number.NaN, 4);
      });
      expect(before.type).toBe('linear');
      // By the keyboard, as one who has no mouse.
      await page.focus('#training .controls [name="smoothing"]');
      for (let press = 0; press < 10; press++) await page.keyboard.press('ArrowRight');
      await page.focus('#training .controls [name="y"]');
      await page.keyboard.press('Space');
      // not `waitForFunction`: the page's policy forbids the evaluation that it makes there
      const scale = `document.querySelector('#base-loss .live').layout.yaxis.type`;
      await expect.poll(() => page.evaluate(scale), { timeout: 10_000 }).toBe('log');
      // The slider went from 23 to 33: round(10 ** 0.99) = 10 steps.
      expect(await page.locator('#training output').textContent()).toBe('about 10 steps');
      const after = await shown();
      expect(after.y.at(-1)).toBeCloseTo(movingAverage(losses, 10).at(-1) ?? Number.NaN, 4);
      expect(complaints).toEqual([]);
      await page.close();
    });

    it('hands out the numbers of a figure', async () => {
      const { page } = await open({ width: 1000, colorScheme: 'light' });
      await page.waitForSelector('html[data-ready]');
      const given = page.waitForEvent('download');
      await page.click('#base-loss [data-download="csv"]');
      const download = await given;
      expect(download.suggestedFilename()).toBe('base-loss.csv');
      const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n');
      expect(lines[1]).toBe('# run: quickstart/2026-11-21-0631-3f9c');
      expect(lines.slice(2, 5)).toEqual([expect.stringMatching(/^# config: /), '# data: aaaaaaaaaaaa', 'line,x,y']);
      // 300 losses and 6 of held-out text.
      expect(lines).toHaveLength(5 + 306);
      await page.close();
    });

    it('prints without what is for the screen, and no figure falls on two pages', async () => {
      const { page } = await open({ width: 1000, colorScheme: 'dark' });
      await page.waitForSelector('html[data-ready]');
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      expect(await page.locator('nav >> visible=true, .controls >> visible=true, .live >> visible=true').count()).toBe(
        0,
      );
      expect(await page.locator('.chart .still >> visible=true').count()).toBe(6);
      const styles: string[] = await page.evaluate(
        `[...document.querySelectorAll('.chart')].map((chart) => getComputedStyle(chart).breakInside)`,
      );
      expect(new Set(styles)).toEqual(new Set(['avoid']));
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
      const pdf = await page.pdf({ format: 'A4' });
      const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
      expect(pages).toBeGreaterThanOrEqual(3);
      expect(pages).toBeLessThanOrEqual(9);
      await page.close();
    });

    it('picks out arms of an ablation: the others step back, in all figures', async () => {
      const ablation = await writeAblation();
      const place = pathToFileURL(await writeReport(ablation)).href;
      const { page, complaints, requests } = await open({ width: 390, colorScheme: 'light' }, place);
      await page.waitForSelector('html[data-ready]');
      const widths = (): Promise<number[]> =>
        page.evaluate(
          `document.querySelector('#loss-of-all-arms .live').data.filter((t) => t.name).map((t) => t.line.width)`,
        );
      expect(await widths()).toEqual([2.5, 2.5, 1, 1, 1, 1]);
      await page.locator('[data-choose]').nth(2).focus();
      await page.keyboard.press('Enter');
      await expect.poll(widths).toEqual([1, 1, 2.5, 1, 1, 1]);
      expect(await page.locator('[data-choose]').nth(2).getAttribute('aria-pressed')).toBe('true');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([place]);
      expect(await page.evaluate('window.broken')).toBeUndefined();
      await page.close();
      await rm(resolve(ablation, '../../../..'), { recursive: true, force: true });
    });
  },
);
