import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TOLD_AT_ONCE, isJointStep } from '../joint-step.js';
import type { JointStep } from '../joint-step.js';
import type { Json } from '../../files.js';
import { fateAfter, isDropped } from '../ledger/ledger.js';
import { isLocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { compareEntries, entryLine, parseEntries } from './entry.js';
import type { Entry } from './entry.js';
import { writeFinal } from './final-files.js';
import { taskFile } from './marker.js';
import type { Done } from './marker.js';
import { RowList } from '../rows.js';
import { rowSection } from './row-sections.js';
import { readSection, SectionReader, SectionWriter } from './section-file.js';
import type { WrittenFile } from './section-file.js';
import type { JudgeStage } from './stage.js';
import { numTasks } from './work.js';
import type { Work } from './work.js';

export interface JudgeFacts {
  /** Documents that go on. */
  readonly documents: number;
  /** Their text in UTF-8. */
  readonly bytes: number;
}

/** All that is done with the documents of one bucket between two joint steps. */
export async function judgeTask(work: Work, stage: JudgeStage, bucket: number): Promise<Done> {
  const { folder, plan } = work;
  mkdirSync(dirname(join(folder, taskFile(stage.name, bucket, 'done'))), { recursive: true });
  const dropped: Entry[] = [];
  let kept: Entry[] = [];
  const sort = (entry: Entry): void => {
    (isDropped(entry.fate) ? dropped : kept).push(entry);
  };
  if (stage.judged === undefined) {
    for (let task = 0; task < numTasks({ kind: 'read', name: 'read' }, plan); task++) {
      const section = readSection(join(folder, taskFile('read', task, 'buckets')), bucket);
      for (const entry of parseEntries(section)) sort(await throughLocal(work, stage, entry));
    }
  } else {
    const { joint, told, decide } = stage.judged;
    const step = jointStepOf(work, joint);
    const decisions = readDecisions(join(folder, taskFile(decide, 0, 'decisions')), bucket);
    let number = 0;
    for (const entry of entriesOf(join(folder, taskFile(told, bucket, 'documents')))) {
      const verdict = await step.judgeOne(entry.document, decisions.get(number++));
      sort(await throughLocal(work, stage, after(entry, work.steps[joint]?.name ?? '', verdict)));
    }
  }
  kept = kept.sort(compareEntries);
  const bytes = kept.reduce((sum, { document }) => sum + Buffer.byteLength(document.text), 0);
  const facts: JudgeFacts = { documents: kept.length, bytes };
  if (stage.next === undefined) {
    for (const { name, kind, ...earlier } of work.stages) {
      if (kind !== 'judge' || !('next' in earlier)) continue;
      dropped.push(...parseEntries(readSection(join(folder, taskFile(name, bucket, 'dropped')), 0)));
    }
    return writeFinal(work, bucket, kept, dropped, facts);
  }
  const files: Record<string, WrittenFile> = {
    ...writeSections(folder, taskFile(stage.name, bucket, 'dropped'), 1, (add) => {
      for (const entry of dropped) add(0, entryLine(entry));
    }),
    ...writeSections(folder, taskFile(stage.name, bucket, 'documents'), kept.length, (add) => {
      kept.forEach((entry, number) => {
        add(number, entryLine(entry));
      });
    }),
  };
  const parts = await tell(jointStepOf(work, stage.next), kept, plan.shards);
  Object.assign(
    files,
    writeSections(folder, taskFile(stage.name, bucket, 'told'), plan.shards, (add) => {
      parts.forEach((rows, part) => {
        if (rows.length > 0) add(part, rowSection(rows));
      });
    }),
  );
  return { files, facts: facts as unknown as Json };
}

export function jointStepOf({ steps }: Work, index: number): JointStep {
  const step = steps[index]?.step;
  if (step === undefined || !isJointStep(step)) throw new Error(`step ${index} is not joint`);
  return step;
}

async function throughLocal({ steps }: Work, { local }: JudgeStage, entry: Entry): Promise<Entry> {
  let current = entry;
  for (const index of local) {
    const named = steps[index];
    if (isDropped(current.fate)) break;
    if (named === undefined || !isLocalStep(named.step)) throw new Error(`step ${index} is not local`);
    const verdict = named.step.judgeOne(current.document);
    current = after(current, named.name, verdict instanceof Promise ? await verdict : verdict);
  }
  return current;
}

/** A document that is dropped stays as it was then. */
function after({ document, fate }: Entry, step: string, verdict: Verdict): Entry {
  return { document: 'keep' in verdict ? verdict.keep : document, fate: fateAfter(fate, step, verdict) };
}

function* entriesOf(path: string): Generator<Entry, undefined> {
  const reader = new SectionReader(path);
  try {
    for (let section = 0; section < reader.sections; section++) yield* parseEntries(reader.read(section));
  } finally {
    reader.close();
  }
}

function readDecisions(path: string, bucket: number): ReadonlyMap<number, Json> {
  const bytes = readSection(path, bucket);
  return new Map(bytes.length === 0 ? [] : (JSON.parse(bytes.toString('utf8')) as [number, Json][]));
}

/** What a joint step tells of the documents of a bucket, for each part of the groups. */
async function tell(step: JointStep, entries: readonly Entry[], parts: number): Promise<readonly RowList[]> {
  const told = Array.from({ length: parts }, () => new RowList());
  let waiting: Promise<void>[] = [];
  for (const [number, { document }] of entries.entries()) {
    const telling = step.tell(document, (group, ...values) =>
      told[Math.floor((group / 2 ** 32) * parts)]?.push(group, number, ...values),
    );
    if (telling instanceof Promise) waiting.push(telling);
    if (waiting.length < TOLD_AT_ONCE) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
  return told;
}

/** Writes a file of sections whole, or leaves nothing. */
export function writeSections(
  folder: string,
  name: string,
  sections: number,
  fill: (add: (section: number, bytes: Buffer) => void) => void,
): Readonly<Record<string, WrittenFile>> {
  const writer = new SectionWriter(join(folder, name), sections);
  try {
    fill((section, bytes) => {
      writer.add(section, bytes);
    });
    return { [name]: writer.end() };
  } catch (error) {
    writer.discard();
    throw error;
  }
}
