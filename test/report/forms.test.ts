import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { JSDOM } from 'jsdom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { escapeMarkdown, inlineCode, codeBlock } from '../../src/report/markdown/escape.js';
import { readReport, writeReport } from '../../src/report/write-report.js';
import { reportPart } from '../../src/report/document/part.js';
import { writeAblation } from './fixtures/ablation.js';
import { writeRun } from './fixtures/run.js';

let run: string;
let ablation: string;

beforeAll(async () => {
  [run, ablation] = await Promise.all([writeRun(), writeAblation()]);
});
afterAll(async () => {
  await rm(dirname(dirname(run)), { recursive: true, force: true });
  await rm(resolve(ablation, '../../../..'), { recursive: true, force: true });
});

/** Cells of a row of a table of GitHub's Markdown: parted by bars that are not escaped. */
const cells = (row: string): string[] => row.split(/(?<!\\)\|/).slice(1, -1);

/** Tables as lists of rows. */
function tables(markdown: string): string[][] {
  const outside = markdown.replace(/^(`{3,})[\s\S]*?^\1$/gm, '');
  return [...outside.matchAll(/(?:^\|.*\n)+/gm)].map(([block]) => block.trim().split('\n'));
}

describe('the Markdown form', () => {
  it('has tables whose rows have as many cells as the heading, whatever names are called', async () => {
    for (const folder of [run, ablation]) {
      const markdown = await readFile(await writeReport(folder, { format: 'markdown' }), 'utf8');
      const found = tables(markdown);
      expect(found.length).toBeGreaterThan(4);
      for (const [head = '', rule = '', ...rows] of found) {
        expect(rule).toMatch(/^\|( -{3}:? \|)+$/);
        for (const row of [rule, ...rows]) expect(cells(row)).toHaveLength(cells(head).length);
      }
      // Nothing of the data is a tag or ends a fence.
      expect(markdown.replace(/^(`{3,})[\s\S]*?^\1$/gm, '')).not.toMatch(
        /<(?!br>|details>|\/details>|summary>|\/summary>)/,
      );
    }
  });

  it('has each picture beside it, as SVG that is well formed', async () => {
    const path = await writeReport(ablation, { format: 'markdown' });
    const markdown = await readFile(path, 'utf8');
    const pictures = [...markdown.matchAll(/\]\((report-figures\/[^)]+\.svg)\)/g)].map(([, file = '']) => file);
    expect(pictures).toContain('report-figures/forest.svg');
    expect(pictures.length).toBeGreaterThanOrEqual(4);
    for (const file of pictures) {
      const svg = await readFile(join(dirname(path), file), 'utf8');
      const { window } = new JSDOM('');
      const parsed = new window.DOMParser().parseFromString(svg, 'image/svg+xml');
      expect(parsed.querySelector('parsererror')).toBeNull();
      expect(svg).not.toContain('var(--');
    }
  });

  it('in short has the summary, the arms and the forest plot, under a heading that fits in a README', async () => {
    const path = await writeReport(ablation, { format: 'markdown', excerpt: true });
    expect(path).toBe(join(ablation, 'report-excerpt.md'));
    const markdown = await readFile(path, 'utf8');
    expect(markdown).toMatch(/^### norms\n/);
    const heads = [...markdown.matchAll(/^#+ .*$/gm)].map(([line]) => line);
    expect(heads).toEqual(['### norms', '#### Summary', '#### Results', '#### Curves']);
    expect(markdown).toContain('report-excerpt-figures/forest.svg');
  });

  it('escapes what would be a mark', () => {
    expect(escapeMarkdown('a|b *c* <d>\n# e')).toBe('a\\|b \\*c\\* &lt;d&gt; \\# e');
    expect(escapeMarkdown('1. one')).toBe('1\\. one');
    expect(escapeMarkdown('2.49 and 3')).toBe('2.49 and 3');
    expect(inlineCode('a`b|c')).toBe('``a`b\\|c``');
    expect(codeBlock('```\nx', 'sh')).toBe('````sh\n```\nx\n````');
  });
});

interface Cell {
  readonly cell_type: string;
  readonly source: string;
  readonly outputs?: readonly { readonly data: Readonly<Record<string, unknown>> }[];
}

describe('the notebook form', () => {
  const python = [process.env['TRAINBOOK_PYTHON'], '.venv/bin/python'].find(
    (path) => path !== undefined && existsSync(path),
  );

  it('reads the record in its first cell, and draws each part in one of its own, with its output', async () => {
    const path = await writeReport(ablation, { format: 'notebook', price: { perHour: 2, currency: 'it’s' } });
    const { cells: all } = JSON.parse(await readFile(path, 'utf8')) as { cells: Cell[] };
    const code = all.filter(({ cell_type: type }) => type === 'code');
    expect(code[0]?.source).toContain(`await readReport('.', { price: { perHour: 2, currency: 'it’s' } })`);
    const forest = code.find(({ source }) => source === "await show(reportPart(report, 'forest'));");
    expect(forest?.outputs?.[0]?.data['image/svg+xml']).toMatch(/^<svg /);
    // Each cell shows a part that the report has.
    const report = await readReport(ablation);
    for (const { source } of code.slice(1)) {
      const id = /reportPart\(report, '([^']+)'\)/.exec(source)?.[1] ?? '';
      expect(reportPart(report, id)).toBeDefined();
    }
    expect(() => reportPart(report, 'florest')).toThrow(/no part of this id[\s\S]*forest/);
  });

  it.skipIf(python === undefined)('is valid by nbformat (skipped where no .venv is)', async () => {
    const paths = [await writeReport(run, { format: 'notebook' }), await writeReport(ablation, { format: 'notebook' })];
    const script = 'import nbformat, sys\nfor p in sys.argv[1:]: nbformat.validate(nbformat.read(p, as_version=4))';
    execFileSync(python ?? '', ['-W', 'error', '-c', script, ...paths]);
  });
});
