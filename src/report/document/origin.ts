import { basename, dirname } from 'node:path';
import { canonicalJson, hash } from '../../files.js';
import type { RunRecords } from '../records.js';
import type { Origin } from './document.js';

const short = (id: string): string => id.slice(0, 12);

/** The artifacts that have no parents among what led to a stage: the data that its numbers were first made from. */
export function dataOf(run: RunRecords, stage: string | undefined): string {
  const all = run.lineage?.stages ?? [];
  const byHash = new Map(all.map((one) => [one.artifact, one]));
  const roots = new Set<string>();
  const visit = (artifact: string): void => {
    const parents = byHash.get(artifact)?.parents.filter((parent) => byHash.has(parent)) ?? [];
    if (parents.length === 0) roots.add(artifact);
    parents.forEach(visit);
  };
  const found = all.find((one) => one.stage === stage);
  // A stage that is not done has no artifact: it saw what the stages before it had made.
  for (const { artifact } of found === undefined ? all : [found]) visit(artifact);
  return roots.size === 0 ? 'none recorded' : [...roots].map(short).join(' ');
}

/** Where a figure of a stage comes from. */
export function originOf(run: RunRecords, stage?: string): Origin {
  return {
    run: `${basename(dirname(run.folder))}/${basename(run.folder)}`,
    config: short(hash(canonicalJson(run.spec.config))),
    data: dataOf(run, stage),
  };
}
