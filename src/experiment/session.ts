import { join, resolve } from 'node:path';
import type { Group } from '../engine/group.js';
import type { Code } from './code.js';
import type { PlainConfig } from './config.js';
import type { OnEvent } from './event.js';
import type { ExperimentDefinition, Stage } from './experiment.js';
import type { FileHashes } from './file-hashes.js';
import type { Leader } from './leading.js';
import type { MetricsWriter } from './metrics.js';
import { configDiffers } from './reads.js';
import type { Reads } from './reads.js';
import type { RunRecord } from './run-record.js';
import type { Store } from './store.js';
import { readTraces } from './traces.js';
import type { Trace } from './traces.js';

/** What decides whether a stage is up to date: an experiment with a config, seed, code and numeric class, and a store. */
export interface Identity {
  readonly experiment: ExperimentDefinition;
  readonly config: PlainConfig;
  readonly seed: number;
  readonly code: Code;
  readonly numericClass: string;
  readonly store: Store;
  readonly hashes: FileHashes;
  /** The project's folder, in which `runs/` lies: paths of files that stages read are kept relative to it. */
  readonly root: string;
  /** Stages that must be computed again, whatever their traces say, unless that was done after `since`. */
  readonly forced: { readonly stages: ReadonlySet<string>; readonly since: string };
}

/** A run in progress. */
export interface Session extends Identity {
  readonly runsFolder: string;
  readonly record: RunRecord;
  readonly metrics: MetricsWriter;
  readonly emit: OnEvent;
  readonly group: Group;
  /** Tells the other members of the group which stages to run along. */
  readonly leader: Leader;
}

export function stageOf(experiment: ExperimentDefinition, name: string): Stage {
  const stage = experiment.stages.find((each) => each.name === name);
  if (stage === undefined) throw new Error(`no stage ${name} in experiment ${experiment.name}`);
  return stage;
}

/** Where traces, locks, checkpoints and executions of a store lie. */
export const storePath = (store: Store, ...parts: string[]): string => join(store.folder, ...parts);

/** The hash that stands for a file in a trace; a file that is not there counts as a content of its own. */
export async function fileIdentity({ hashes, root }: Identity, path: string): Promise<string> {
  return (await hashes.of(resolve(root, path))) ?? 'missing';
}

async function filesDiffer(identity: Identity, reads: Reads): Promise<string | undefined> {
  for (const [path, before] of Object.entries(reads.files)) {
    if ((await fileIdentity(identity, path)) !== before) return `file ${path} has changed`;
  }
  return undefined;
}

/** Why what was read is not as it was, artifacts aside; undefined if it is. */
export async function inputsDiffer(identity: Identity, reads: Reads): Promise<string | undefined> {
  return configDiffers(reads, identity.config, identity.seed) ?? (await filesDiffer(identity, reads));
}

/**
 * Why a trace does not stand for what the stage would make now; undefined if it does. `artifactOf` gives the artifact that
 * an earlier stage has now; it is asked last, since the answer may need that stage to run.
 */
async function traceDiffers(
  identity: Identity,
  trace: Trace,
  artifactOf: (stage: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const { stage } = trace;
  if (trace.code !== identity.code.ofStage(stage)) return 'the code has changed';
  if (trace.numericClass !== identity.numericClass) {
    return `numeric class: ${trace.numericClass}, now ${identity.numericClass}`;
  }
  const { stages, since } = identity.forced;
  if (stages.has(stage) && trace.createdAt < since) return 'it was asked for';
  const inputs = await inputsDiffer(identity, trace.reads);
  if (inputs !== undefined) return inputs;
  const names = identity.experiment.stages.map((each) => each.name);
  const earlier = names.slice(0, names.indexOf(stage));
  for (const [name, before] of Object.entries(trace.reads.artifacts)) {
    if (!earlier.includes(name) || (await artifactOf(name)) !== before) return `artifact ${name} has changed`;
  }
  return undefined;
}

export type Found =
  | { readonly trace: Trace }
  | { readonly reason: string; /** An artifact that was kept and is damaged. */ readonly damaged?: string };

/** Looks for a trace that verifies and whose artifact is whole, newest first; else says why the newest one does not. */
export async function findTrace(
  identity: Identity,
  stage: string,
  artifactOf: (stage: string) => Promise<string | undefined>,
): Promise<Found> {
  let reason: string | undefined;
  let damaged: string | undefined;
  for (const trace of await readTraces(identity.store.folder, stage)) {
    let differs = await traceDiffers(identity, trace, artifactOf);
    if (differs === undefined) {
      const damage = await identity.store.damage(trace.artifact);
      if (damage === undefined) return { trace };
      differs = 'its artifact is gone';
      if (await identity.store.has(trace.artifact)) {
        differs = `its artifact is damaged: ${damage}`;
        damaged = trace.artifact;
      }
    }
    // A damaged artifact says more than how older traces differ; of those, the newest is what the user changed last.
    if (reason === undefined || differs.startsWith('its artifact is damaged')) reason = differs;
  }
  return { reason: reason ?? 'it never ran before', ...(damaged === undefined ? {} : { damaged }) };
}
