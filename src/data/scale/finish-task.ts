import { TrainbookError } from '../../error.js';
import { hash, canonicalJson } from '../../files.js';
import type { StepCount } from '../ledger/ledger.js';
import type { FinalFacts } from './final-files.js';
import { readFacts } from './joint-tasks.js';
import { readDone, writeWhole } from './marker.js';
import type { Done } from './marker.js';
import { planHash } from './plan.js';
import type { ReadFacts } from './read-task.js';
import type { WrittenFile } from './section-file.js';
import type { CountsFile, ShardCard } from './shard-card.js';
import { numTasks } from './work.js';
import type { Work } from './work.js';

/** The last task: sums the counts of all shards and writes the card. A folder that has a card is whole. */
export function finishTask(work: Work, last: string): Done {
  const { folder, plan } = work;
  const facts = readFacts(folder, last) as readonly FinalFacts[];
  const shards = Array.from({ length: plan.shards }, (_, shard) => {
    const done = readDone(folder, last, shard);
    if (done === undefined) throw missing(last, shard);
    return done.files;
  });
  const files: Record<string, WrittenFile> = Object.fromEntries(shards.flatMap((each) => Object.entries(each)));
  const counts: CountsFile = {
    steps: addCounts(facts.map((each) => each.counts)),
    sources: addRecords(facts.map((each) => each.sources)),
  };
  const text = `${JSON.stringify(counts, undefined, 2)}\n`;
  files['counts.json'] = writeWhole(folder, 'counts.json', Buffer.from(text));
  const card = cardOf(work, facts, files);
  const written = writeWhole(folder, 'card.json', Buffer.from(`${JSON.stringify(card, undefined, 2)}\n`));
  return { files: { 'card.json': written }, facts: { hash: card.hash } };
}

function cardOf(
  { folder, plan, inputs }: Work,
  facts: readonly FinalFacts[],
  files: Readonly<Record<string, WrittenFile>>,
): ShardCard {
  const states = (readFacts(folder, 'read') as readonly ReadFacts[]).map((each) => each.inputs);
  const keptSources = addRecords(facts.map((each) => each.keptSources));
  const licences = new Map(
    inputs.flatMap(({ dataset }) =>
      dataset === undefined ? [] : [[dataset.card.name, dataset.card.licence] as const],
    ),
  );
  const named = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, written]) => ({ file, ...written }));
  return {
    kind: 'shards',
    format: 1,
    plan: planHash(plan),
    hash: hash(canonicalJson(named)),
    shards: plan.shards,
    rows: facts.reduce((sum, { documents }) => sum + documents, 0),
    bytes: facts.reduce((sum, { bytes }) => sum + bytes, 0),
    languages: addRecords(facts.map((each) => each.languages)),
    sources: Object.entries(addRecords(facts.map((each) => each.sources))).map(([source, read]) => {
      const licence = licences.get(source);
      return { source, read, kept: keptSources[source] ?? 0, ...(licence === undefined ? {} : { licence }) };
    }),
    pipeline: plan.steps.map(({ name, made, options, code }) => ({
      name,
      ...(made === undefined ? {} : { made, options }),
      code,
    })),
    code: plan.code,
    inputs: plan.inputs.map((input, index) => {
      const state = states.find((some) => some[index] !== undefined)?.[index];
      return { ...input, hash: state?.hash ?? '', documents: state?.documents ?? 0 };
    }),
    files: named,
  };
}

/** Whether all shards are there; the first that is not is named. */
export function checkStageDone({ folder, plan }: Work, stage: Work['stages'][number]): void {
  for (let task = 0; task < numTasks(stage, plan); task++) {
    if (readDone(folder, stage.name, task) === undefined) throw missing(stage.name, task);
  }
}

function missing(stage: string, task: number): TrainbookError {
  return new TrainbookError({
    what: `write: the stage ${stage} is not done`,
    received: `task ${task} is missing`,
    expected: 'all its tasks done',
    fix: `run it, for all shares: --stage ${stage}, or without --stage`,
  });
}

function addCounts(counts: readonly (readonly StepCount[])[]): CountsFile['steps'] {
  return (counts[0] ?? []).map(({ step }, index) => {
    const some = counts.flatMap((each) => each[index] ?? []);
    const sum = (of: (count: StepCount) => number): number => some.reduce((total, count) => total + of(count), 0);
    return {
      step,
      documentsIn: sum(({ documentsIn }) => documentsIn),
      documentsOut: sum(({ documentsOut }) => documentsOut),
      changed: sum(({ changed }) => changed),
      changes: addRecords(some.map(({ changes }) => changes)),
      dropped: addRecords(some.map(({ dropped }) => dropped)),
    };
  });
}

function addRecords(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}
