import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Json } from '../../files.js';
import { bucketAt, documentsInBuckets, startsOf } from './documents-in-buckets.js';
import { jointStepOf, writeSections } from './judge-task.js';
import type { JudgeFacts } from './judge-task.js';
import { taskFile, WORK } from './marker.js';
import type { Done } from './marker.js';
import { RowList } from '../rows.js';
import { addRowSection, rowSection } from './row-sections.js';
import { readSection } from './section-file.js';
import type { Stage } from './stage.js';
import type { Work } from './work.js';

type JointStage = Extract<Stage, { readonly kind: 'find' | 'decide' }>;

/** Act 2 of a joint step for one part of the groups: `.work/find-1/00003.found`, one section of rows. */
export async function findTask(work: Work, stage: JointStage, part: number): Promise<Done> {
  const { folder, plan } = work;
  const name = taskFile(stage.name, part, 'found');
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  const counts = documentCounts(folder, stage.told);
  const starts = startsOf(counts);
  const told = new RowList();
  for (let bucket = 0; bucket < plan.shards; bucket++) {
    addRowSection(told, readSection(join(folder, taskFile(stage.told, bucket, 'told')), part), starts[bucket]);
  }
  const found = new RowList();
  if (told.length > 0) {
    const documents = documentsInBuckets(folder, stage.told, counts);
    try {
      for (const row of await jointStepOf(work, stage.joint).find(told.sorted(), documents.numbered))
        found.push(...row);
    } finally {
      documents.close();
    }
  }
  const files = writeSections(folder, name, 1, (add) => {
    if (found.length > 0) add(0, rowSection(found));
  });
  return { files, facts: { told: told.length, found: found.length } };
}

/** Act 3: `.work/decide-1/00000.decisions`, for each bucket a section `[[12,true],[57,{"like":"9e10…"}]]`, by number in it. */
export async function decideTask(work: Work, stage: JointStage): Promise<Done> {
  const { folder, plan } = work;
  const name = taskFile(stage.name, 0, 'decisions');
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  const counts = documentCounts(folder, stage.told);
  const starts = startsOf(counts);
  const find = stage.name.replace('decide', 'find');
  const found = new RowList();
  for (let part = 0; part < plan.shards; part++) {
    addRowSection(found, readSection(join(folder, taskFile(find, part, 'found')), 0));
  }
  const documents = documentsInBuckets(folder, stage.told, counts);
  const decisions = new Map<number, Json>();
  try {
    const decided = await jointStepOf(work, stage.joint).decide(found.sorted(), documents.numbered);
    for (const [number, decision] of decided) decisions.set(number, decision);
  } finally {
    documents.close();
  }
  const buckets = Array.from({ length: plan.shards }, (): [number, Json][] => []);
  for (const [number, decision] of decisions) {
    const bucket = bucketAt(starts, number);
    buckets[bucket]?.push([number - (starts[bucket] ?? 0), decision]);
  }
  const files = writeSections(folder, name, plan.shards, (add) => {
    buckets.forEach((some, bucket) => {
      some.sort((a, b) => a[0] - b[0]);
      if (some.length > 0) add(bucket, Buffer.from(JSON.stringify(some)));
    });
  });
  return { files, facts: { found: found.length, decided: decisions.size } };
}

/** Where the facts of all tasks of a stage stand when they are done, in order. */
export function factsFile(stage: string): string {
  return `${WORK}/${stage}/facts.json`;
}

/** What the tasks of a stage counted, in order: of the form that the kind of the stage has. */
export function readFacts(folder: string, stage: string): readonly unknown[] {
  return JSON.parse(readFileSync(join(folder, factsFile(stage)), 'utf8')) as readonly unknown[];
}

function documentCounts(folder: string, stage: string): readonly number[] {
  return (readFacts(folder, stage) as readonly JudgeFacts[]).map(({ documents }) => documents);
}
