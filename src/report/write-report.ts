import { join, resolve } from 'node:path';
import { writeAtomic } from '../files.js';
import type { Document } from './document/document.js';
import { runDocument } from './document/run-document.js';
import type { DocumentOptions } from './document/run-document.js';
import { pageHtml } from './html/page.js';
import { readRun } from './records.js';

/** Reads a folder's records and builds the report of it, before it has a form. */
export async function readReport(folder: string, options: DocumentOptions = {}): Promise<Document> {
  return runDocument(await readRun(resolve(folder)), options);
}

/**
 * Writes `report.html` into a run's folder, from its records alone, and gives its path. A run may have a report at any time:
 * while it runs, after it failed.
 *
 * @throws TrainbookError if the folder is no run, or a record cannot be read
 *
 * @example
 * await writeReport('runs/quickstart/2026-11-21-3f9c'); // 'runs/quickstart/2026-11-21-3f9c/report.html'
 */
export async function writeReport(folder: string, options: DocumentOptions = {}): Promise<string> {
  const path = join(folder, 'report.html');
  await writeAtomic(path, await pageHtml(await readReport(folder, options)));
  return path;
}
