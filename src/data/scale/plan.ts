import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { canonicalJson, hash } from '../../files.js';
import { compareText } from '../document.js';
import type { Input } from '../read/inputs.js';
import type { ReadOptions } from '../read/options.js';
import type { Step } from '../step.js';
import { ledgerNames } from './steps.js';

// What is done in a folder, plan.json:
// {"format":1,"code":"5f0c…","inputs":[{"path":"corpus/a.jsonl","bytes":1048576}],"tasks":[[0]],
//  "steps":[{"name":"normalise","made":"normalise","options":[],"code":"81ab…"}],"shards":4,"dropped":true,"gzip":true}

const planSchema = z.strictObject({
  format: z.literal(1),
  /** The hash of trainbook's own code for data. */
  code: z.string(),
  inputs: z.array(z.strictObject({ path: z.string(), dataset: z.string().optional(), bytes: z.int() })),
  /** How they are read. */
  read: z.json(),
  /** The inputs of each task of the stage `read`, by number. */
  tasks: z.array(z.array(z.int())),
  steps: z.array(
    z.strictObject({
      name: z.string(),
      made: z.string().optional(),
      options: z.json(),
      /** The hash of the module that makes it, or of the function's text. */
      code: z.string(),
    }),
  ),
  /** Buckets of the work, and files of the result. */
  shards: z.int().positive(),
  dropped: z.boolean(),
  gzip: z.boolean(),
});
export type Plan = z.infer<typeof planSchema>;

/** Bytes of text that are read by one task, at least, where files are smaller. */
const TASK_BYTES = 16 << 20;
/** Bytes of text in a bucket, about: a task holds one in memory. */
const BUCKET_BYTES = 16 << 20;
const MOST_BUCKETS = 8192;

export interface PlanOptions {
  readonly shards?: number;
  readonly dropped?: boolean;
  readonly gzip?: boolean;
}

/** The plan for inputs and steps. It depends on nothing else: not on the order of the inputs, nor on who will work. */
export async function makePlan(
  inputs: readonly Input[],
  read: ReadOptions,
  steps: readonly Step[],
  options: PlanOptions,
): Promise<Plan> {
  const names = ledgerNames(steps);
  return {
    format: 1,
    code: await ownCode(),
    inputs: inputs.map(({ path, bytes, dataset }) => ({
      path,
      ...(dataset === undefined ? {} : { dataset: dataset.card.name }),
      bytes,
    })),
    read: plain(read),
    tasks: tasksOf(inputs),
    steps: await Promise.all(
      steps.map(async (step, index) => ({
        name: names[index + 1] ?? step.name,
        ...(step.made === undefined ? {} : { made: step.made.name }),
        options: plain(step.made?.options ?? []),
        code: await codeOf(step),
      })),
    ),
    shards: options.shards ?? Math.min(MOST_BUCKETS, Math.max(1, Math.ceil(unpackedBytes(inputs) / BUCKET_BYTES))),
    dropped: options.dropped ?? true,
    gzip: options.gzip ?? true,
  };
}

/** In an order that does not depend on how they are named. */
export function inOrder(inputs: readonly Input[]): readonly Input[] {
  const name = ({ dataset, path }: Input): string => `${dataset?.card.name ?? ''}\0${path}`;
  return [...inputs].sort((a, b) => compareText(name(a), name(b)));
}

function tasksOf(inputs: readonly Input[]): number[][] {
  const tasks: number[][] = [];
  let bytes = Infinity;
  inputs.forEach((input, index) => {
    if (bytes >= TASK_BYTES) {
      tasks.push([]);
      bytes = 0;
    }
    tasks.at(-1)?.push(index);
    bytes += unpackedBytes([input]);
  });
  return tasks;
}

/** Text packs to about a quarter. */
function unpackedBytes(inputs: readonly Input[]): number {
  return inputs.reduce((sum, { path, bytes }) => sum + bytes * (/\.(gz|bz2|zst|parquet)$/iu.test(path) ? 4 : 1), 0);
}

/** The identity of a plan. */
export function planHash(plan: Plan): string {
  return hash(canonicalJson(plan));
}

export async function readPlan(path: string): Promise<Plan | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return planSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // of another version: another plan
  }
}

/**
 * Says what is another in the plan of a folder.
 *
 * @throws TrainbookError
 */
export function refuseOtherPlan(found: Plan | undefined, wanted: Plan, folder: string): never {
  throw new TrainbookError({
    what: `write: ${folder} holds the work of another pipeline`,
    ...(found === undefined ? {} : { received: difference(found, wanted) }),
    expected: 'a folder of its own for each pipeline, or the same pipeline again, which continues',
    fix: 'name another folder, or begin anew with { again: true } (--again)',
  });
}

function difference(found: Plan, wanted: Plan): string {
  const before = new Map(found.inputs.map(({ path, bytes }) => [path, bytes]));
  for (const { path, bytes } of wanted.inputs) {
    const was = before.get(path);
    if (was === undefined) return `a file that was not read: ${path}`;
    if (was !== bytes) return `${path} has ${bytes} bytes, and had ${was}`;
    before.delete(path);
  }
  const [gone] = before.keys();
  if (gone !== undefined) return `${gone} is no longer among the files`;
  const count = Math.max(found.steps.length, wanted.steps.length);
  for (let index = 0; index < count; index++) {
    const [was, is] = [found.steps[index], wanted.steps[index]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (was === undefined || is === undefined || was.name !== is.name) {
      return `step ${index + 1} is ${is?.name ?? 'none'}, and was ${was?.name ?? 'none'}`;
    }
    const options = JSON.stringify(is.options) === JSON.stringify(was.options) ? 'code' : 'options';
    return `step ${index + 1}, ${is.name}, has other ${options}`;
  }
  if (JSON.stringify(found.read) !== JSON.stringify(wanted.read)) return 'files that are read otherwise';
  if (found.shards !== wanted.shards) return `${wanted.shards} shards, and there were ${found.shards}`;
  if (found.code !== wanted.code) return 'another version of trainbook';
  return 'other options';
}

async function codeOf(step: Step): Promise<string> {
  if (step.made !== undefined) return hash(await readFile(fileURLToPath(step.made.module)));
  return hash(
    Object.values(step)
      .filter((value) => typeof value === 'function')
      .map(String)
      .join('\n'),
  );
}

let own: Promise<string> | undefined;

/** The hash of the code in `data/`, of this build. */
function ownCode(): Promise<string> {
  own ??= (async () => {
    const folder = dirname(dirname(fileURLToPath(import.meta.url)));
    const files = (await readdir(folder, { recursive: true })).filter((file) => /(?<!\.d)\.[jt]s$/u.test(file)).sort();
    const hashes = await Promise.all(files.map(async (file) => hash(await readFile(join(folder, file)))));
    return hash(hashes.join());
  })();
  return own;
}

/** Options as JSON: what it has no word for becomes text. */
function plain(value: unknown): z.core.util.JSONType {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (item instanceof RegExp || typeof item === 'bigint') return String(item);
    if (item instanceof Map || item instanceof Set) return [...(item as Iterable<unknown>)];
    if (ArrayBuffer.isView(item)) return Array.from(item as Uint8Array);
    return typeof item === 'number' && !Number.isFinite(item) ? String(item) : item;
  });
  return JSON.parse(text) as z.core.util.JSONType;
}
