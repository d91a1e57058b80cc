import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { TrainbookError } from '../../error.js';
import { writeAtomic } from '../../files.js';
import { silent } from '../../progress.js';
import { listInputs } from '../read/inputs.js';
import { openClaims } from './claim.js';
import { fullDisk } from './full-disk.js';
import { readDone, WORK } from './marker.js';
import { inOrder, makePlan, planHash, readPlan, refuseOtherPlan } from './plan.js';
import type { Plan } from './plan.js';
import { openPool } from './pool.js';
import type { Pool } from './pool.js';
import { checkUnchanged } from './read-task.js';
import type { ReadFacts } from './read-task.js';
import { openShards } from './open-shards.js';
import { isWhole, runStage } from './run-stage.js';
import { findShardCard } from './shard-card.js';
import type { ShardedCorpus } from './sharded-corpus.js';
import { checkStageDone } from './finish-task.js';
import { whereabouts } from './steps.js';
import type { Parts } from './steps.js';
import { numTasks, openWork } from './work.js';
import type { Job, Work } from './work.js';
import type { WriteOptions } from './write-options.js';

/**
 * Runs a pipeline over shards into a folder: `part-00000-of-00004.jsonl.gz`, …, with the ledger as Parquet in `ledger/`, the dropped
 * documents in `dropped/`, `counts.json` and `card.json`.
 *
 * The bytes depend on the input, the steps and the options alone: not on the order of the input, the number of workers and
 * processes, nor on how often the work was interrupted. Killed at any instant and called again, it continues. Processes that
 * share the folder, on one machine or many, share the work. A task holds a bucket of about 16 MiB of text in memory.
 *
 * A step whose function was given by the user runs in this thread alone, unless `file` names the file that exports the pipeline. A
 * step that is neither a `localStep` nor a `jointStep` gets all documents at once.
 *
 * @throws TrainbookError for a folder that holds something else, an input that was changed since the work began, a full disk
 * @throws the signal's reason when it is aborted; what is done is not done again
 */
export async function writeShards(parts: Parts, folder: string, options: WriteOptions = {}): Promise<ShardedCorpus> {
  const corpus = await runShards(parts, folder, options);
  if (corpus === undefined) throw leftAfter(options);
  return corpus;
}

/** As `writeShards`; gives undefined where a share or a stage is done, and others are not. */
export async function runShards(
  { reading, steps }: Parts,
  folder: string,
  options: WriteOptions = {},
): Promise<ShardedCorpus | undefined> {
  checkOptions(options);
  const inputs = inOrder(await listInputs(reading.source, reading.from));
  const read = reading.options ?? {};
  const plan = await makePlan(inputs, read, steps, options);
  if (options.again === true) removeOwn(folder);
  if (await isFinished(folder, plan)) {
    rmSync(join(folder, WORK), { recursive: true, force: true });
    return openShards(folder);
  }
  const job: Job = { folder, plan, inputs, read, steps: whereabouts(steps, options.file && resolve(options.file)) };
  try {
    await begin(folder, plan);
    const work = await openWork(job, steps);
    await checkInputs(work);
    await runStages(work, job, options);
  } catch (error) {
    throw fullDisk(error, folder);
  }
  if ((await findShardCard(folder)) === undefined) return undefined;
  rmSync(join(folder, WORK), { recursive: true, force: true });
  return openShards(folder);
}

async function runStages(work: Work, job: Job, options: WriteOptions): Promise<void> {
  const { progress = silent, signal, share, stage: only } = options;
  const workers = options.workers ?? availableParallelism();
  const claims = openClaims();
  let pool: Promise<Pool> | undefined;
  const inPool = async (stage: number, task: number): Promise<void> => {
    pool ??= openPool(job, workers);
    await (await pool).run({ stage, task });
  };
  if (only !== undefined && !work.stages.some(({ name }) => name === only)) {
    throw new TrainbookError({
      what: 'write: there is no such stage',
      received: only,
      expected: `one of ${work.stages.map(({ name }) => name).join(', ')}`,
    });
  }
  const stop = new AbortController();
  signal?.addEventListener(
    'abort',
    () => {
      stop.abort(signal.reason);
      void pool?.then((open) => open.end());
    },
    { signal: stop.signal },
  );
  try {
    for (const stage of work.stages) {
      signal?.throwIfAborted();
      if (isWhole(work.folder)) return;
      if (only !== undefined && stage.name !== only) {
        if (work.stages.findIndex(({ name }) => name === only) < work.stages.indexOf(stage)) break;
        checkStageDone(work, stage);
        continue;
      }
      const run = { work, job, stage, workers, claims, inPool, progress };
      const done = await runStage(run, {
        ...(signal && { signal }),
        ...(share && { share }),
        waits: only === undefined,
      });
      if (done && stage.kind === 'read' && !isWhole(work.folder)) checkNotEmpty(work);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isWhole(work.folder)) return; // another process finished, and removed what this one was about to read
    throw error;
  } finally {
    stop.abort();
    claims.close();
    await (await pool)?.end();
  }
}

function checkOptions({ workers, shards, share }: WriteOptions): void {
  for (const [name, value] of Object.entries({ workers, shards })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new TrainbookError({ what: `write: no such number of ${name}`, received: value, expected: 'an integer ≥ 1' });
  }
  if (share === undefined) return;
  const { index, of } = share;
  if (Number.isSafeInteger(of) && Number.isSafeInteger(index) && index >= 0 && index < of) return;
  throw new TrainbookError({
    what: 'write: there is no such share',
    received: `${index} of ${of}`,
    expected: 'an index from 0 to one less than the number of shares',
  });
}

/** Makes the folder with its plan, or finds the same plan there. */
async function begin(folder: string, plan: Plan): Promise<void> {
  const path = join(folder, WORK, 'plan.json');
  if (existsSync(path)) {
    const found = await readPlan(path);
    if (found === undefined || planHash(found) !== planHash(plan)) refuseOtherPlan(found, plan, folder);
    return;
  }
  const others = existsSync(folder) ? readdirSync(folder).filter((name) => name !== WORK) : [];
  if (others.length > 0) {
    throw new TrainbookError({
      what: 'write: the folder holds other files',
      received: `${folder} with ${others.slice(0, 3).join(', ')}`,
      expected: 'a folder that is empty or not there',
      fix: 'name another',
    });
  }
  mkdirSync(join(folder, WORK), { recursive: true });
  await writeAtomic(path, `${JSON.stringify(plan, undefined, 2)}\n`);
}

/** Whether the folder holds the whole result of this plan. */
async function isFinished(folder: string, plan: Plan): Promise<boolean> {
  const card = await findShardCard(folder);
  if (card === undefined) return false;
  if (card.plan !== planHash(plan)) refuseOtherPlan(undefined, plan, folder);
  return true;
}

/** What was read must be what lies there now. */
async function checkInputs({ folder, plan, inputs }: Work): Promise<void> {
  for (let task = 0; task < plan.tasks.length; task++) {
    const facts = readDone(folder, 'read', task)?.facts as unknown as ReadFacts | undefined;
    for (const [index, state] of Object.entries(facts?.inputs ?? {})) {
      const input = inputs[Number(index)];
      if (input !== undefined) await checkUnchanged(input, state);
    }
  }
}

function checkNotEmpty({ folder, plan, inputs }: Work): void {
  let [kept, documents] = [0, 0];
  for (let task = 0; task < numTasks({ kind: 'read', name: 'read' }, plan); task++) {
    const facts = readDone(folder, 'read', task)?.facts as unknown as ReadFacts | undefined;
    kept += facts?.kept ?? 0;
    documents += facts?.documents ?? 0;
  }
  if (kept > 0) return;
  throw new TrainbookError({
    what: 'write: no documents with text',
    received: `${documents} documents, all empty, in ${inputs.length} files`,
    expected: 'at least one document',
    fix: 'give files with text',
  });
}

function removeOwn(folder: string): void {
  const own = /^(?:\.work|part-\d+-of-\d+\.jsonl(?:\.gz)?|dropped|ledger|counts\.json|card\.json)$/u;
  const names = existsSync(folder) ? readdirSync(folder) : [];
  if (!names.includes(WORK) && !names.includes('card.json')) return; // not ours: it is refused as it is
  rmSync(join(folder, 'card.json'), { force: true });
  for (const name of names) if (own.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

/** A share, or a stage, that is done where others are not. */
function leftAfter({ stage, share }: WriteOptions): TrainbookError {
  return new TrainbookError({
    what: 'write: this part is done, the corpus is not yet',
    received: `${stage === undefined ? 'all stages' : `the stage ${stage}`}${share === undefined ? '' : `, share ${share.index} of ${share.of}`}`,
    expected: 'the other shares and stages',
    fix: 'run them; the stage finish (trainbook data merge) is the last',
  });
}
