import { readFile } from 'node:fs/promises';
import { TrainbookError } from '../error.js';
import { parseRecord, readRecordedRun, recordedRunSchema } from '../experiment/reproduce/recorded-run.js';
import type { RecordedRun } from '../experiment/reproduce/recorded-run.js';
import { jsonScript } from './markup.js';
import type { Html } from './markup.js';

/** The run's record inside its page, `<script type="application/json" id="record">`: a reader can reproduce the run from the page alone. */
export async function recordHtml(run: { readonly folder: string }): Promise<Html> {
  return jsonScript('record', await readRecordedRun(run.folder));
}

/**
 * The record that a `report.html` has in it.
 *
 * @throws TrainbookError if the page has none
 */
export async function readEmbeddedRecord(path: string): Promise<RecordedRun> {
  const page = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TrainbookError({ what: `reproduce: cannot read ${path}`, received: String(cause), cause });
  });
  const text = /<script type="application\/json" id="record">([\s\S]*?)<\/script>/u.exec(page)?.[1];
  if (text === undefined) {
    throw new TrainbookError({
      what: 'reproduce: this page has no record of a run in it',
      received: path,
      expected: 'the report.html of a run',
      fix: 'npx trainbook report <folder of the run> writes one',
    });
  }
  return parseRecord(recordedRunSchema, path, JSON.parse(text));
}
