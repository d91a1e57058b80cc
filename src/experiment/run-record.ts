import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Summary } from '../figure.js';
import { canonicalJson, readJson, writeAtomic } from '../files.js';
import type { Code } from './code.js';
import type { PlainConfig } from './config.js';
import type { RunEnvironment } from './environment.js';
import { laterFormat } from './later-format.js';
import { minded } from './no-space.js';
import { isAlive, ownerSchema, thisProcess, tryLock } from './lock.js';

/** What a run is: `spec.json`. Two runs with one spec (but for id and time) are the same run. */
export interface Spec {
  readonly format: 1;
  readonly experiment: string;
  /** The experiment's file, relative to the project's folder; none for one that a notebook's cell defines. */
  readonly file?: string;
  readonly runId: string;
  readonly seed: number;
  readonly config: PlainConfig;
  /** The experiment's own config, of which this run's may be a variation. */
  readonly defaults?: PlainConfig;
  readonly stages: readonly string[];
  readonly code: string;
  readonly numericClass: string;
  readonly createdAt: string;
}

const statusSchema = z.object({
  state: z.enum(['running', 'done', 'failed', 'interrupted']),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  error: z.string().optional(),
  /** The most memory that the process held until then, of all it did: resident set size. */
  peakMemoryBytes: z.number().optional(),
  /** The process that runs it, or ran it last. */
  owner: ownerSchema.optional(),
});
export type Status = z.infer<typeof statusSchema>;

/** One stage in `lineage.json`. */
export interface LineageStage {
  readonly stage: string;
  readonly artifact: string;
  readonly kind: string;
  readonly parents: readonly string[];
  readonly code: string;
  readonly numericClass: string;
  /** The config paths that it read; `*` where it read all. */
  readonly config: readonly string[];
  /** Hashes of the files that it read, by path from the project's folder. */
  readonly files: Readonly<Record<string, string>>;
  /** The seed, where it took its key. */
  readonly seed?: number;
  /** The run that computed it, such as `quickstart/2026-11-21-143502-3f9c`. */
  readonly run: string;
  readonly cached: boolean;
  /** What the stage took when it was computed, in this run or an earlier one. */
  readonly seconds: number;
}

/** The code of a run in `lineage.json`: of all of it, of trainbook itself, and its files by path from the project's folder. */
export type LineageCode = Pick<Code, 'hash' | 'build' | 'files' | 'packages'>;

/** A run's status; a run that says it is running, but whose process is dead, was interrupted. */
export async function readStatus(folder: string): Promise<Status> {
  const path = join(folder, 'status.json');
  const status = statusSchema.parse(await readJson(path));
  if (status.state !== 'running' || status.owner === undefined) return status;
  const sign = Math.max((await stat(path)).mtimeMs, await lastSign(join(folder, '.lock')));
  return isAlive(status.owner, sign) ? status : { ...status, state: 'interrupted' };
}

/** When the holder of a lock last gave a sign of life, in ms since 1970; 0 if there is none. */
async function lastSign(lock: string): Promise<number> {
  const names = await readdir(lock).catch((): string[] => []);
  const times = await Promise.all(
    names.map(async (name) => (await stat(join(lock, name)).catch(() => undefined))?.mtimeMs),
  );
  return Math.max(0, ...times.map((time) => time ?? 0));
}

/** A name that sorts by time (UTC) and is told apart at a glance: `2026-11-21-143502-3f9c`. */
export function newRunId(now: Date): string {
  const [date = '', time = ''] = now.toISOString().split('T');
  return `${date}-${time.slice(0, 8).replaceAll(':', '')}-${randomBytes(2).toString('hex')}`;
}

const sameRun = (spec: Omit<Spec, 'runId' | 'createdAt'>): string =>
  canonicalJson({
    experiment: spec.experiment,
    seed: spec.seed,
    config: spec.config,
    stages: spec.stages,
    code: spec.code,
    numericClass: spec.numericClass,
  });

/** The folder of one run, held by this process until `release`. */
export class RunRecord {
  readonly startedAt = new Date().toISOString();
  readonly #lineage = new Map<string, LineageStage>();
  #code: LineageCode | undefined;

  private constructor(
    readonly folder: string,
    readonly spec: Spec,
    /** The folder was there: a run that was cut off goes on in it. */
    readonly resumed: boolean,
    readonly release: () => Promise<void>,
  ) {}

  /**
   * Opens the folder of a run: of the given id; else of the newest run with the same spec that was interrupted or failed;
   * else of a new id.
   */
  static async open(
    runsFolder: string,
    about: Omit<Spec, 'runId' | 'createdAt'>,
    runId: string | undefined,
  ): Promise<RunRecord> {
    const parent = join(runsFolder, about.experiment);
    await mkdir(parent, { recursive: true });
    if (runId === undefined) {
      const ids = (await readdir(parent)).sort().reverse();
      for (const id of ids) {
        const found = await RunRecord.#resume(join(parent, id), about);
        if (found !== undefined) return found;
      }
    }
    for (;;) {
      const id = runId ?? newRunId(new Date());
      const folder = join(parent, id);
      await mkdir(folder, { recursive: true });
      const release = await tryLock(join(folder, '.lock'));
      if (release === undefined) {
        if (runId === undefined) continue;
        throw new TrainbookError({
          what: `run ${id} of ${about.experiment} is being run by another process`,
          received: id,
          fix: 'wait for it, or give another run id',
        });
      }
      const before = await readSpec(folder).catch(async (error: unknown) => {
        await release();
        throw error;
      });
      if (before !== undefined && sameRun(before) !== sameRun(about)) {
        await release();
        if (runId === undefined) continue;
        throw new TrainbookError({
          what: `run ${id} of ${about.experiment} has another config, seed, code or engine`,
          received: id,
          fix: 'give another run id, or none',
        });
      }
      if (before !== undefined) return new RunRecord(folder, before, true, release);
      const spec: Spec = { ...about, runId: id, createdAt: new Date().toISOString() };
      await writeJson(join(folder, 'spec.json'), spec);
      return new RunRecord(folder, spec, false, release);
    }
  }

  static async #resume(folder: string, about: Omit<Spec, 'runId' | 'createdAt'>): Promise<RunRecord | undefined> {
    const spec = await readSpec(folder).catch(() => undefined);
    if (spec === undefined || sameRun(spec) !== sameRun(about)) return undefined;
    const cutOff = async (): Promise<boolean> => {
      const status = await readStatus(folder).catch(() => undefined);
      return status === undefined || status.state === 'interrupted' || status.state === 'failed';
    };
    if (!(await cutOff())) return undefined;
    const release = await tryLock(join(folder, '.lock'));
    if (release === undefined) return undefined;
    if (await cutOff()) return new RunRecord(folder, spec, true, release); // still: another may have ended it meanwhile
    await release();
    return undefined;
  }

  async status(state: Status['state'], error?: string): Promise<void> {
    const ended =
      state === 'running'
        ? {}
        : { endedAt: new Date().toISOString(), peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }; // maxRSS: KiB
    const status: Status = { state, startedAt: this.startedAt, ...ended, owner: thisProcess };
    await writeJson(join(this.folder, 'status.json'), error === undefined ? status : { ...status, error });
  }

  /** Where the run is computed, and `changes.patch`: what its commit lacks of the code. */
  async environment({ environment, patch }: RunEnvironment): Promise<void> {
    const path = join(this.folder, 'changes.patch');
    if (patch === undefined) await rm(path, { force: true });
    else await writeAtomic(path, patch);
    await writeJson(join(this.folder, 'environment.json'), environment);
  }

  /** The code that `lineage.json` names. */
  madeBy({ hash, build, files, packages }: Code): void {
    this.#code = { hash, build, files, packages };
  }

  /** Notes a stage that is done (or found) with what it shows of itself. */
  async stage(done: LineageStage, summary: Summary): Promise<void> {
    const { stage, seconds, cached } = done;
    await writeJson(join(this.folder, 'stages', `${stage}.json`), { stage, seconds, cached, summary });
    this.#lineage.set(stage, done);
    const order = this.spec.stages.flatMap((name) => this.#lineage.get(name) ?? []);
    await writeJson(join(this.folder, 'lineage.json'), { format: 1, code: this.#code ?? null, stages: order });
  }
}

async function readSpec(folder: string): Promise<Spec | undefined> {
  // Written by us alone; one that cannot be read is no run that could go on.
  const spec = (await readJson(join(folder, 'spec.json')).catch(() => undefined)) as
    (Omit<Spec, 'format'> & { readonly format: number }) | undefined;
  if (spec !== undefined && spec.format > 1) throw laterFormat(`the run ${folder}`, spec.format);
  return spec as Spec | undefined;
}

async function writeJson(path: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  await minded(`${basename(path)} of the run`, dirname(path), () => writeAtomic(path, text));
}
