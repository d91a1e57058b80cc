import { readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeAtomic } from '../../../files.js';
import type { Cursor } from '../cursor.js';
import { flatten } from '../flatten.js';
import type { Chunk } from '../metrics-feed.js';
import type { RunFacts } from '../run-facts.js';
import type { Delivery, Sink } from '../sink.js';
import { appendOnce } from './event-file.js';
import { fileVersion, scalar, sessionStart, text } from './events.js';
import { sessionEndInfo, sessionStartInfo } from './hparams.js';
import { record } from './records.js';

// <logs>/quickstart/2026-11-21-143502-3f9c/events.out.tfevents.1795271702.0000.trainbook       hyperparameters, texts, the end
// <logs>/quickstart/2026-11-21-143502-3f9c/base/events.out.tfevents.1795271702.trainbook       scalars of the stage base
//
// A stage has a folder of its own: after a restart TensorBoard forgets all later steps of a folder, also those of other stages.

const ending = '.trainbook';

/** The folder of a run's events; where TensorBoard looks at the folder of all runs, each run keeps its own. */
export function eventFolder(
  logs: string,
  { runsFolder, folder, path }: Pick<RunFacts, 'runsFolder' | 'folder' | 'path'>,
): string {
  return resolve(logs) === resolve(runsFolder) ? join(folder, 'tensorboard') : join(logs, path);
}

/**
 * Files of events for TensorBoard below a folder of logs: scalars of each stage, samples as text, and the table of
 * hyperparameters, where the seeds of an ablation's arm are one row.
 *
 * @example
 * await sendRun(run.folder, tensorboardSink('runs'), { signal }); // tensorboard --logdir runs
 */
export function tensorboardSink(logs: string): Sink {
  return {
    name: 'tensorboard',
    target: resolve(logs),
    repeats: 'all',
    async send(delivery) {
      const folder = eventFolder(logs, delivery.run);
      const name = `events.out.tfevents.${Math.floor(Date.parse(delivery.run.spec.createdAt) / 1000)}`;
      await beginAnewIfGone(delivery.cursor, folder, name);
      await writeScalars(delivery, folder, name);
      await writeItems(delivery, folder, name);
    },
    link: () => undefined,
  };
}

const scalarFile = (folder: string, stage: string, name: string): string => join(folder, stage, `${name}${ending}`);

/** A folder that was removed, in whole or in part, is written again; so is one whose cursor was lost. */
async function beginAnewIfGone(cursor: Cursor, folder: string, name: string): Promise<void> {
  let isGone = cursor.isFresh;
  for (const [stage, length] of lengths(cursor)) {
    const { size = 0 } = (await stat(scalarFile(folder, stage, name)).catch(() => undefined)) ?? {};
    isGone ||= size < length;
  }
  if (!isGone || (cursor.isFresh && cursor.offset > 0)) return;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (entry.isFile() && entry.name.startsWith('events.out.tfevents.') && entry.name.endsWith(ending)) {
      await rm(join(entry.parentPath, entry.name));
    }
  }
  await cursor.reset();
}

/** Bytes of each stage's file that are written for certain. */
function lengths(cursor: Cursor): Map<string, number> {
  return new Map(Object.entries(JSON.parse(cursor.remote('lengths') ?? '{}') as Record<string, number>)); // ours alone
}

async function writeScalars({ cursor, feed, signal }: Delivery, folder: string, name: string): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const chunk = await feed.chunk(cursor.offset, cursor.pending?.to);
    if (chunk === undefined) return;
    await cursor.save({ pending: { to: chunk.to, done: 0 } });
    const written = lengths(cursor);
    for (const [stage, records] of stageRecords(chunk, written)) {
      const length = written.get(stage) ?? 0;
      const bytes = Buffer.concat(records);
      await appendOnce(scalarFile(folder, stage, name), length, bytes);
      written.set(stage, length + bytes.length);
    }
    await cursor.save({
      offset: chunk.to,
      pending: null,
      remote: { lengths: JSON.stringify(Object.fromEntries(written)) },
    });
  }
}

/** The records of each stage; a file that has none yet gets its head. */
function stageRecords({ points, restarts }: Chunk, written: ReadonlyMap<string, number>): Map<string, Buffer[]> {
  const records = new Map<string, Buffer[]>();
  let next = 0;
  const recordsOf = (stage: string, time: number): Buffer[] => {
    const before = records.get(stage);
    if (before !== undefined) return before;
    const head = written.has(stage) ? [] : [record(fileVersion(time)), record(sessionStart(time, 0))];
    records.set(stage, head);
    return head;
  };
  const takeRestarts = (to: number): void => {
    for (let at = restarts[next]; at !== undefined && at.before <= to; at = restarts[++next]) {
      const { stage, step, time } = at.restart;
      recordsOf(stage, time / 1000).push(record(sessionStart(time / 1000, step)));
    }
  };
  points.forEach(({ stage, name, step, time, value }, index) => {
    takeRestarts(index);
    recordsOf(stage, time / 1000).push(record(scalar(time / 1000, step, name, value)));
  });
  takeRestarts(points.length);
  return records;
}

/** What comes once: each thing is a small file that is written whole, in an order that its name tells. */
async function writeItems({ run, cursor, isLive }: Delivery, folder: string, name: string): Promise<void> {
  const start = Date.parse(run.spec.createdAt) / 1000;
  const write = async (item: string, content: string, ...events: readonly Buffer[]): Promise<void> =>
    cursor.once(item, content, async () => {
      const path = join(folder, `${name}.${String(cursor.numSent).padStart(4, '0')}${ending}`);
      await writeAtomic(path, Buffer.concat([fileVersion(start), ...events].map(record)));
    });
  const isOver = !isLive && run.status.state !== 'running';
  // which arm a run is of may be written down after it began
  if (run.membership !== undefined || isOver) {
    const session = hparamsSession(run, start);
    // once alone: TensorBoard takes the first
    if (cursor.remote('session') === undefined) {
      await write('session', '', sessionStartInfo(session));
      await cursor.save({ remote: { session: session.group } });
    }
  }
  for (const [stage, { texts = [] }] of Object.entries(run.summaries)) {
    if (texts.length === 0) continue;
    const content = JSON.stringify(texts);
    const events = texts.map((sample) => text(start, 0, `${stage}/${sample.title}`, fenced(sample.text)));
    await write(`texts ${stage}`, content, ...events);
  }
  if (isOver) {
    const { state, endedAt = run.spec.createdAt } = run.status;
    await write('end', `${state} ${endedAt}`, sessionEndInfo(state, Date.parse(endedAt) / 1000));
  }
}

function hparamsSession({ spec, membership }: RunFacts, start: number): Parameters<typeof sessionStartInfo>[0] {
  if (membership === undefined) return { values: flatten(spec.config), group: '', start };
  const { spec: ablation, arm } = membership;
  return { values: flatten(arm.settings), group: `${ablation.name}/${ablation.id}/${arm.name}`, start };
}

/** As a block of code in Markdown: samples keep their lines and marks. */
function fenced(sample: string): string {
  return sample
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
