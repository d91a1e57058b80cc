import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Summary } from '../figure.js';
import { readJson, writeAtomic } from '../files.js';
import { lastAttempts, parseRows, readAllRows } from './metrics.js';
import type { MetricsRow } from './metrics.js';
import { storePath } from './session.js';
import type { Session } from './session.js';
import type { Trace } from './traces.js';

// What an execution of a stage showed: store/executions/<trace id>/summary.json and metrics.jsonl. A later run that finds
// the stage cached takes both into its own record, so that each run's folder tells the whole story by itself.

const folderOf = (session: Session, id: string): string => storePath(session.store, 'executions', id);

/** The rows that count of one stage in this run's metrics. */
async function rowsOf(session: Session, stage: string): Promise<MetricsRow[]> {
  const rows = await readAllRows(session.record.folder);
  return rows.filter((row) => row.stage === stage);
}

/** The number of the next attempt at a stage in this run: one more than its rows have. */
export async function nextAttempt(session: Session, stage: string): Promise<number> {
  return (await rowsOf(session, stage)).reduce((last, row) => Math.max(last, row.attempt), 0) + 1;
}

export async function keepExecution(session: Session, id: string, stage: string, summary: Summary): Promise<void> {
  const rows = lastAttempts(await rowsOf(session, stage));
  const folder = folderOf(session, id);
  await writeAtomic(join(folder, 'metrics.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await writeAtomic(join(folder, 'summary.json'), JSON.stringify(summary));
}

const content = (rows: readonly MetricsRow[]): string => JSON.stringify(rows.map(({ step, values }) => [step, values]));

/** Writes rows of another run into this one's metrics as a further attempt, unless they are there already. */
export async function takeRows(session: Session, stage: string, rows: readonly MetricsRow[]): Promise<void> {
  const own = await rowsOf(session, stage);
  const counting = lastAttempts(rows);
  if (content(lastAttempts(own)) === content(counting)) return;
  const attempt = await nextAttempt(session, stage);
  for (const row of counting) session.metrics.write({ ...row, attempt });
}

/** The metrics and the summary of a trace's execution, for a run that finds the stage cached. */
export async function recallExecution(session: Session, trace: Trace): Promise<Summary> {
  const folder = folderOf(session, trace.id);
  const text = await readFile(join(folder, 'metrics.jsonl'), 'utf8').catch(() => '');
  await takeRows(session, trace.stage, parseRows(text));
  const summary = await readJson(join(folder, 'summary.json')).catch(() => undefined);
  if (summary !== undefined) return summary as Summary; // written by `keepExecution` alone
  const value = await session.store.get(trace.artifact);
  try {
    return session.store.codecOf(value).summarise(value);
  } finally {
    session.store.dispose(value);
  }
}
