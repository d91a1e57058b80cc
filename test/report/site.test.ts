import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { figureBundle, tableBundle } from '../../src/report/bundle.js';
import { highlight } from '../../src/report/site/highlight.js';
import { Prose } from '../../src/report/site/markdown.js';
import { outputsHtml } from '../../src/report/site/output-html.js';
import { writeSite } from '../../src/report/site/write-site.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

describe('prose', () => {
  const render = (markdown: string): string => new Prose((href) => href).render(markdown).text;

  it('has formulas as MathML, and prices and code as they are', () => {
    expect(render('The loss $\\frac{a_1}{b}$ falls.')).toMatch(/<p>The loss .*<math[\s\S]*<mfrac>[\s\S]*falls\.<\/p>/);
    expect(render('$$\\sum_i x_i * y_i * z_i$$')).toMatch(/<div class="formula">[\s\S]*display="block"/);
    expect(render('It costs $5 and $10, `$x$` is code.')).toBe(
      '<p>It costs $5 and $10, <code>$x$</code> is code.</p>\n',
    );
    expect(render('$a_i$ and $b_i$')).not.toContain('<em>');
    expect(() => render('$\\frac{1$')).toThrow('a formula cannot be read\n  received: \\frac{1');
  });

  it('gives headings ids of their own', () => {
    const prose = new Prose((href) => href);
    prose.render('# 1 · Tokens\n\n## What goes *wrong*');
    prose.render('## What goes *wrong*\n\n### 数字');
    expect(prose.headings.map(({ level, id }) => `${level} ${id}`)).toEqual([
      '1 1-tokens',
      '2 what-goes-wrong',
      '2 what-goes-wrong-2',
      '3 数字',
    ]);
  });
});

describe('highlight', () => {
  it('tells keywords, texts, numbers, comments and calls apart, over lines, and escapes', () => {
    expect(highlight('const a = f(1, "<b>"); // one').text).toBe(
      '<span class="k">const</span> a = <span class="f">f</span>(<span class="n">1</span>, <span class="s">&quot;&lt;b&gt;&quot;</span>); <span class="c">// one</span>',
    );
    expect(highlight('`a\n${b} c`;').text).toBe(
      '<span class="s">`a</span>\n<span class="s">${</span>b<span class="s">} c`</span>;',
    );
  });
});

describe('outputs', () => {
  it('joins texts, leaves colours of terminals out, and escapes', () => {
    const stream = (text: string) => ({ output_type: 'stream', text });
    expect(outputsHtml([stream('\u001b[31ma'), stream('\u001b[0m<b>\n')], 'x').text).toContain(
      '<pre class="text">a&lt;b&gt;</pre>',
    );
    expect(outputsHtml([], 'x').text).toBe('');
  });
});

const figure = {
  title: 'Loss',
  source: 'test',
  data: [{ type: 'scatter' as const, mode: 'lines' as const, x: [1, 2, 3], y: [3, 2, 1] }],
  layout: { height: 340 },
};

/** A small executed notebook with a figure, a table, a formula, a long line of code and a link to the other. */
async function notebook(title: string, other: string) {
  const output = (data: object) => ({ output_type: 'display_data', metadata: {}, data });
  const long = `const names = [${Array.from({ length: 40 }, (_, index) => `'name ${index}'`).join(', ')}];`;
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { trainbook: { executed: { kernel: 'trainbook', given: {}, parameters: {} } } },
    cells: [
      {
        cell_type: 'markdown',
        metadata: {},
        source: [`# ${title}\n`, '\n', 'A first paragraph. ', `See [the other](${other}).`],
      },
      {
        cell_type: 'code',
        metadata: {},
        execution_count: 1,
        source: long,
        outputs: [output(await figureBundle(figure))],
      },
      { cell_type: 'markdown', metadata: {}, source: '## A part\n\nWith $x^2$ in it.' },
      {
        cell_type: 'code',
        metadata: {},
        execution_count: 2,
        source: '1 + 1',
        outputs: [
          { output_type: 'stream', name: 'stdout', text: '2\n' },
          output(tableBundle({ title: 'Numbers', columns: ['n', 'square'], rows: [[2, 4]] })),
        ],
      },
    ],
  };
}

describe('the site', () => {
  let folder: string;
  let index: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trainbook site #1 '));
    await mkdir(join(folder, 'executed'));
    const paths = ['01-a.ipynb', '02-b.ipynb'].map((name) => join(folder, 'executed', name));
    await writeFile(paths[0] ?? '', JSON.stringify(await notebook('1 · The first', '02-b.ipynb#a-part')));
    await writeFile(paths[1] ?? '', JSON.stringify(await notebook('2 · The second', '01-a.ipynb')));
    index = await writeSite(paths, join(folder, 'out'), { title: 'Chapters' });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has a page for each chapter, linked with the others, and names no other place', async () => {
    const [list, first, second] = await Promise.all(
      ['index.html', '01-a.html', '02-b.html'].map((name) => readFile(join(folder, 'out', name), 'utf8')),
    );
    expect(list).toMatch(/href="01-a\.html"[\s\S]*1 · The first[\s\S]*A first paragraph[\s\S]*href="02-b\.html"/);
    expect(first).toContain('<a href="02-b.html#a-part">the other</a>');
    expect(first).toMatch(/rel="next" href="02-b\.html"/);
    expect(second).toMatch(/rel="prev" href="01-a\.html"/);
    for (const page of [list, first, second]) expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\//);
  });

  describe.skipIf(executablePath === undefined)('in a browser (skipped where there is no chromium)', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({
        ...(executablePath === undefined ? {} : { executablePath }),
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
      });
    });
    afterAll(() => browser.close());

    it.each([
      ['on a desk, light', { width: 1280, height: 900 }, 'light'],
      ['on a telephone, dark', { width: 390, height: 844 }, 'dark'],
    ] as const)('works from the disk %s', async (_where, viewport, colorScheme) => {
      const context = await browser.newContext({ viewport, colorScheme, offline: true });
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => !/^(?:file|data|blob):/.test(request.url()) && problems.push(request.url()));
      await page.goto(pathToFileURL(index).href);
      await page.click('.chapters a >> nth=0');
      await page.waitForSelector('.chart[data-drawn]');
      expect(await page.locator('.chart .live .main-svg').count()).toBeGreaterThan(0);
      expect(await page.locator('.chart .still').first().isHidden()).toBe(true);
      // Long lines scroll in their own box: the page is as wide as the screen.
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
      expect(await page.locator('.bar details').evaluate((element) => (element as { open?: boolean }).open)).toBe(
        viewport.width > 1000,
      );
      await page.click('text=the other');
      expect(page.url()).toMatch(/02-b\.html#a-part$/);
      expect(problems).toEqual([]);
      await context.close();
    });

    it('has the still pictures where scripts do not run', async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(pathToFileURL(join(folder, 'out', '01-a.html')).href);
      expect(await page.locator('.chart .still img').isVisible()).toBe(true);
      await context.close();
    });
  });
});
