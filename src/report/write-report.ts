import { join, resolve } from 'node:path';
import { compareArms } from '../experiment/ablations/comparison.js';
import { writeAtomic } from '../files.js';
import { ablationDocument } from './ablation/ablation-document.js';
import { isAblation, readAblationRuns } from './ablation/ablation-records.js';
import type { Document } from './document/document.js';
import { excerptOf } from './document/excerpt.js';
import { runDocument } from './document/run-document.js';
import type { DocumentOptions } from './document/run-document.js';
import { recordHtml } from './embedded-record.js';
import { pageHtml } from './html/page.js';
import { markdownReport } from './markdown/markdown.js';
import { notebookReport } from './notebook/notebook.js';
import { readRun } from './records.js';

export interface ReportOptions extends DocumentOptions {
  /** `html` if not given. */
  readonly format?: 'html' | 'markdown' | 'notebook';
  /** Only what was asked, what was found, and the figures that carry it: `report-excerpt.md` in Markdown. */
  readonly excerpt?: boolean;
}

/**
 * Reads the records of a run or an ablation and builds its report, before it has a form.
 *
 * @throws TrainbookError if the folder is neither, or a record cannot be read
 * @example
 * const report = await readReport('runs/ablations/norms/2026-11-29-153002-a41c');
 * await show(reportPart(report, 'forest'));
 */
export async function readReport(folder: string, options: DocumentOptions = {}): Promise<Document> {
  const path = resolve(folder);
  if (await isAblation(path)) return ablationDocument(await readAblationRuns(path), compareArms, options);
  return runDocument(await readRun(path), options);
}

/**
 * Writes the report of a run or an ablation into its folder, from its records alone, and gives its path: `report.html`, or
 * `report.md` with its pictures in `report-figures/`, or `report.ipynb`. There may be a report at any time: while it runs, after it failed.
 *
 * @throws TrainbookError if the folder is neither, or a record cannot be read
 *
 * @example
 * await writeReport('runs/quickstart/2026-11-21-3f9c'); // 'runs/quickstart/2026-11-21-3f9c/report.html'
 * await writeReport('runs/quickstart/2026-11-21-3f9c', { format: 'markdown', excerpt: true });
 */
export async function writeReport(folder: string, options: ReportOptions = {}): Promise<string> {
  const { format = 'html', excerpt = false } = options;
  const whole = await readReport(folder, options);
  const document = excerpt ? excerptOf(whole) : whole;
  const name = excerpt ? 'report-excerpt' : 'report';
  if (format === 'markdown') {
    const pictures = `${name}-figures`;
    const markdown = await markdownReport(document, pictures, excerpt ? 3 : 1);
    for (const [picture, svg] of markdown.pictures) await writeAtomic(join(folder, pictures, picture), svg);
    return write(join(folder, `${name}.md`), markdown.text);
  }
  if (format === 'notebook') {
    const notebook = await notebookReport(document, options);
    return write(join(folder, `${name}.ipynb`), `${JSON.stringify(notebook, undefined, 1)}\n`);
  }
  // A run can be reproduced from its page alone.
  const record = document.kind === 'run' ? await recordHtml({ folder }) : undefined;
  return write(join(folder, `${name}.html`), await pageHtml(document, record));
}

async function write(path: string, content: string): Promise<string> {
  await writeAtomic(path, content);
  return path;
}
