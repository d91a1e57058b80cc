import { mkdir } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { performance } from 'node:perf_hooks';
import { groupOfOne } from '../engine/group.js';
import type { Group } from '../engine/group.js';
import { TrainbookError } from '../error.js';
import type { Codec, Json } from '../files.js';
import { experimentCode } from './code.js';
import { mergeConfig, parseConfig, setPaths } from './config.js';
import type { ConfigSchema, DeepPartial, PlainConfig } from './config.js';
import { runEnvironment } from './environment.js';
import type { OnEvent, PlannedStage } from './event.js';
import type { Experiment, ExperimentDefinition } from './experiment.js';
import { FileHashes } from './file-hashes.js';
import { Leader } from './leading.js';
import { MetricsWriter } from './metrics.js';
import { nearest } from './nearest.js';
import { explainNoSpace, minded } from './no-space.js';
import { planStages, totalSeconds } from './plan.js';
import { runLog } from './run-log.js';
import { digestRun } from './run-index/run-cache.js';
import { cachePathOf } from './run-index/run-entry.js';
import { RunRecord } from './run-record.js';
import type { Identity, Session } from './session.js';
import { checkReads } from './stage-reads.js';
import { StageRunner } from './stage-runner.js';
import { DamagedArtifact, Store } from './store.js';
import type { z } from 'zod';

/** What makes a run the run it is, and where its record goes. */
export interface RunOptions<Config = unknown> {
  /** Fields in place of the experiment's defaults. */
  readonly config?: DeepPartial<Config>;
  /** Values by path, such as `{ 'train.steps': 200 }`; they come after `config`. */
  readonly set?: Readonly<Record<string, Json>>;
  /** An integer; 1 if not given. */
  readonly seed?: number;
  /** Where runs and their store lie; `runs` in the current folder if not given. */
  readonly runsFolder?: string;
  /** The project's folder, from which records give paths; the one that holds `runsFolder` if not given. */
  readonly root?: string;
  /** What numbers depend on beside code and config, such as `libtensorflow 2.21.0 xla float32`. */
  readonly numericClass: string;
  /** The identity of the code, where the caller knows better; if not given, that of the files it was written in. */
  readonly code?: string;
  /** What the engine says of itself, for `environment.json`. */
  readonly engine?: Json;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
  /** Goes on with this run, or begins it; if not given, a run that was cut off goes on, else a new one begins. */
  readonly runId?: string;
  /** The experiment's file, where the caller knows it; if not given, the one file that it was written in. */
  readonly file?: string;
  /** The kinds of artifacts that stages may return beside plain values; if not given, those of trainbook. */
  readonly codecs?: readonly Codec<unknown>[];
  /** The processes that train together; this one is member 0 of it, the others `followRun`. */
  readonly group?: Group;
}

export interface RunRange {
  /** Computes this stage and all after it again, whatever is in the store. */
  readonly from?: string;
  /** Stops after this stage. */
  readonly to?: string;
}

/** A run that has ended. */
export interface Run<Artifacts extends object> {
  readonly runId: string;
  readonly folder: string;
  readonly state: 'done' | 'interrupted';
  /** Reads what a stage of it made. */
  artifact<Name extends keyof Artifacts & string>(stage: Name): Promise<Artifacts[Name]>;
}

const uninterrupted = new AbortController().signal;

/** @throws TrainbookError for a stage that does not exist; `option` says where it was named. */
export function checkStage(experiment: ExperimentDefinition, stage: string | undefined, option?: string): void {
  const names = experiment.stages.map((each) => each.name);
  if (stage === undefined || names.includes(stage)) return;
  const close = nearest(stage, names);
  throw new TrainbookError({
    what: `experiment ${experiment.name} has no stage of this name${option === undefined ? '' : ` (${option})`}`,
    received: stage,
    expected: `one of ${names.join(', ')}`,
    ...(close === undefined ? {} : { fix: `did you mean ${close}?` }),
  });
}

/** @throws TrainbookError for a stage that does not exist, or an end before the beginning */
export function checkRange(experiment: ExperimentDefinition, { from, to }: RunRange): void {
  checkStage(experiment, from, 'from');
  checkStage(experiment, to, 'to');
  const names = experiment.stages.map((each) => each.name);
  if (from === undefined || to === undefined || names.indexOf(from) <= names.indexOf(to)) return;
  throw new TrainbookError({
    what: `experiment ${experiment.name} would stop before the stage from which it should run again`,
    received: `from ${from}, to ${to}`,
    expected: `stages in their order: ${names.join(', ')}`,
    fix: 'give a later stage to stop after, or none',
  });
}

/** The experiment's config with a run's changes, checked by the schema. */
export function configOf(experiment: ExperimentDefinition, options: RunOptions): PlainConfig {
  const owner = `experiment ${experiment.name}`;
  const merged = mergeConfig(experiment.defaults, options.config);
  return parseConfig(owner, experiment.schema, setPaths(owner, experiment.schema, merged, options.set ?? {}));
}

/** What decides whether stages are up to date, for a run that is planned or begins. */
export async function identify(
  experiment: ExperimentDefinition,
  options: RunOptions,
  from: string | undefined,
): Promise<Identity & { readonly runsFolder: string }> {
  checkReads(experiment);
  const runsFolder = resolve(options.runsFolder ?? 'runs');
  const root = resolve(options.root ?? dirname(runsFolder));
  const { seed = 1 } = options;
  if (!Number.isSafeInteger(seed)) {
    throw new TrainbookError({ what: 'the seed of a run is no integer', received: seed, expected: 'an integer' });
  }
  const config = configOf(experiment, options);
  const folder = join(runsFolder, 'store');
  await mkdir(folder, { recursive: true });
  const hashes = await FileHashes.open(join(folder, 'cache', 'files.json'));
  const { code: given } = options;
  const code =
    given === undefined
      ? await experimentCode(experiment, hashes, root)
      : {
          hash: given,
          ofStage: () => given,
          unknown: [],
          files: {},
          packages: [],
          build: given,
          sources: options.file === undefined ? [] : [options.file],
        };
  const names = experiment.stages.map((stage) => stage.name);
  const stages = new Set(from === undefined ? [] : names.slice(names.indexOf(from)));
  return {
    experiment,
    config,
    seed,
    code,
    numericClass: options.numericClass,
    store: new Store(folder, options.codecs ?? (await import('./codecs.js')).codecs),
    hashes,
    root,
    forced: { stages, since: new Date().toISOString() },
    runsFolder,
  };
}

/** The experiment's file as its project knows it; undefined for one outside it, or that is not in one file alone. */
function fileInProject({ origin }: ExperimentDefinition, root: string, given: string | undefined): string | undefined {
  const [only, ...more] = origin.inCell ? [] : origin.files;
  const file = given ?? (more.length === 0 ? only : undefined);
  if (file === undefined) return undefined;
  const path = relative(realpathSync(root), realpathSync(file));
  return path.startsWith('..') || isAbsolute(path) ? undefined : path.replaceAll(sep, '/');
}

/** Opens a run's record and all that its stages need. */
export function openSession(experiment: ExperimentDefinition, options: RunOptions, from?: string): Promise<Session> {
  return minded('the record of the run', resolve(options.runsFolder ?? 'runs'), () => open(experiment, options, from));
}

async function open(experiment: ExperimentDefinition, options: RunOptions, from: string | undefined): Promise<Session> {
  const identity = await identify(experiment, options, from);
  const { config, seed, code, numericClass, runsFolder } = identity;
  const stages = experiment.stages.map((stage) => stage.name);
  const file = fileInProject(experiment, identity.root, options.file);
  const about = {
    format: 1,
    experiment: experiment.name,
    ...(file === undefined ? {} : { file }),
    seed,
    config,
    defaults: experiment.defaults,
    stages,
    code: code.hash,
    numericClass,
  } as const;
  const record = await RunRecord.open(runsFolder, about, options.runId);
  record.madeBy(code);
  await record.status('running');
  await identity.store.sweep();
  const { root, hashes } = identity;
  await record.environment(await runEnvironment(root, options.engine ?? null, hashes, code.sources));
  const log = runLog(record.folder);
  const emit: OnEvent = (event) => {
    log.onEvent(event);
    options.onEvent?.(event);
  };
  const forced = { ...identity.forced, since: record.spec.createdAt };
  emit({ type: 'run-start', runId: record.spec.runId, folder: record.folder, resumed: record.resumed });
  if (code.unknown.length > 0) {
    const text = `the code of this experiment cannot be followed, so nothing is cached: ${code.unknown.join(', ')}`;
    emit({ type: 'message', stage: undefined, text });
  }
  const { group = groupOfOne() } = options;
  const leader = new Leader(group);
  return { ...identity, forced, record, metrics: new MetricsWriter(record.folder), emit, group, leader };
}

/** Ends what `openSession` began. */
export async function closeSession(session: Session): Promise<void> {
  await session.leader.end().catch(() => undefined); // a lost group has been told of
  session.metrics.close();
  const { folder, spec } = session.record;
  await digestRun(folder, cachePathOf(session.runsFolder, spec.experiment, spec.runId)).catch(() => undefined); // for lists
  await session.hashes.save().catch(() => undefined); // a memory: without it files are read again
  await session.record.release();
}

function untilStage(experiment: ExperimentDefinition, to: string | undefined): string[] {
  const names = experiment.stages.map((stage) => stage.name);
  return to === undefined ? names : names.slice(0, names.indexOf(to) + 1);
}

/**
 * What a run would do, stage by stage, and why, with an estimate of the seconds; runs nothing and leaves no run.
 *
 * @throws TrainbookError as `runExperiment` does, before anything runs
 * @example
 * const [first] = await planRun(quickstart, { set: { 'train.steps': 200 }, numericClass: 'cpu float32' });
 * first; // { stage: 'corpus', action: 'run', reason: 'it never ran before', seconds: undefined }
 */
export async function planRun<Schema extends ConfigSchema, Artifacts extends object>(
  experiment: Experiment<Schema, Artifacts>,
  options: RunOptions<z.input<Schema>> & RunRange,
): Promise<PlannedStage[]> {
  checkRange(experiment, options);
  const identity = await identify(experiment, options, options.from);
  const plan = await planStages(identity, untilStage(experiment, options.to));
  await identity.hashes.save();
  return plan;
}

/**
 * Runs an experiment: each stage is found in the store or computed, in order. Started again after a kill or an
 * interrupt with the same config, seed and code, the same run goes on.
 *
 * @throws TrainbookError for a config, path or stage that does not exist; what a stage throws
 * @example
 * const run = await runExperiment(quickstart, { set: { 'train.steps': 200 }, numericClass: 'cpu float32' });
 * const score = await run.artifact('score');
 */
export async function runExperiment<Schema extends ConfigSchema, Artifacts extends object>(
  experiment: Experiment<Schema, Artifacts>,
  options: RunOptions<z.input<Schema>> & RunRange,
): Promise<Run<Artifacts>> {
  checkRange(experiment, options);
  const began = performance.now();
  const session = await openSession(experiment, options, options.from);
  const { record, emit } = session;
  const signal = options.signal ?? uninterrupted;
  const artifacts = new Map<string, string>();
  const end = async (state: 'done' | 'interrupted' | 'failed', error?: string): Promise<void> => {
    await record.status(state, error);
    emit({ type: 'run-end', state, seconds: (performance.now() - began) / 1000 });
  };
  let state: 'done' | 'interrupted' = 'done';
  let current: string | undefined;
  try {
    const names = untilStage(experiment, options.to);
    const plan = await planStages(session, names);
    emit({ type: 'plan', stages: plan, seconds: totalSeconds(plan) });
    const runner = new StageRunner(session, signal);
    for (const name of names) {
      current = name;
      artifacts.set(name, (await runner.bring(name)).artifact);
    }
    await end('done');
  } catch (thrown) {
    const error = explainNoSpace(thrown, 'the record of the run', session.runsFolder);
    // An interrupted stage throws what it likes, but an error for the user is one: its state could not be saved, for instance.
    if (!signal.aborted || error instanceof TrainbookError) {
      const text = error instanceof Error ? error.message : String(error);
      // On a full disk the status cannot be written either; a dead process's run counts as interrupted.
      await end('failed', current === undefined ? text : `stage ${current}: ${text}`).catch(() => undefined);
      throw error;
    }
    state = 'interrupted';
    await end('interrupted');
  } finally {
    await closeSession(session);
  }
  return {
    runId: record.spec.runId,
    folder: record.folder,
    state,
    async artifact(stage) {
      const hash = artifacts.get(stage);
      if (hash === undefined) {
        throw new TrainbookError({
          what: `run ${record.spec.runId} has no artifact of this stage`,
          received: stage,
          expected: [...artifacts.keys()].join(', '),
          fix: 'run it to that stage',
        });
      }
      try {
        return (await session.store.get(hash)) as Artifacts[typeof stage];
      } catch (cause) {
        if (!(cause instanceof DamagedArtifact)) throw cause;
        throw new TrainbookError({
          what: `the artifact of stage ${stage} is not whole any more`,
          received: `${hash}: ${cause.reason}`,
          fix: 'run the experiment again: it is built again',
          cause,
        });
      }
    },
  };
}
