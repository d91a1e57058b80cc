import { rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../src/report/write-report.js';
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

    async function open(options: {
      width: number;
      colorScheme: 'light' | 'dark';
      javaScriptEnabled?: boolean;
    }): Promise<Seen> {
      const { width, ...rest } = options;
      const page = await browser.newPage({ viewport: { width, height: 900 }, ...rest });
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(url);
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

    it('shows still pictures where scripts are off', async () => {
      const { page } = await open({ width: 800, colorScheme: 'light', javaScriptEnabled: false });
      expect(await page.locator('.chart .still >> visible=true').count()).toBe(6);
      await page.close();
    });
  },
);
