import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { canonicalJson, hash, hashFile, readJson } from '../../files.js';
import type { Json } from '../../files.js';
import { watchSchema } from '../watch.js';

/*
 * state.json of a checkpoint. `own` is the hash of all the rest as canonical JSON, so that a damaged number is noticed too; that rule
 * holds for every format, present and future.
 *
 * {"format":3,"step":100,"cursor":{"epoch":0,"row":800},"watch":{…},"run":"<hash>",
 *  "hashes":{"config.json":"<hash>","model.safetensors":"<hash>","training.safetensors":"<hash>"},"own":"<hash>"}
 */

const format = 3;

const sealedSchema = z.looseObject({ format: z.int(), own: z.string() });

const stateSchema = z.strictObject({
  format: z.literal(format),
  step: z.int().nonnegative(),
  cursor: z.strictObject({ epoch: z.int().nonnegative(), row: z.int().nonnegative() }),
  watch: watchSchema,
  memory: z.json().optional(), // of what prepares batches (`Preparation`), if it has any
  run: z.string(),
  hashes: z.record(z.string(), z.string()),
});

/** Where a training stands. */
export type Position = Readonly<Pick<z.output<typeof stateSchema>, 'cursor' | 'watch' | 'step' | 'run'>> & {
  readonly memory?: Json | undefined;
};

/** The text of state.json. */
export function stateText(
  { step, cursor, watch, memory, run }: Position,
  hashes: Readonly<Record<string, string>>,
): string {
  const state = { format, step, cursor, watch, ...(memory !== undefined && { memory }), run, hashes };
  return `${JSON.stringify({ ...state, own: hash(canonicalJson(state)) })}\n`;
}

/**
 * Where a checkpoint stands, if every file is as it was written; else what is wrong with it.
 *
 * @throws TrainbookError if another version of trainbook wrote it.
 */
export async function readState(path: string): Promise<Position | { readonly damage: string }> {
  const json = await readJson(join(path, 'state.json')).catch(() => undefined);
  if (json === undefined) return { damage: 'state.json is missing or no JSON' };
  const sealed = sealedSchema.safeParse(json);
  if (!sealed.success) return { damage: 'state.json is no state of a training' };
  const { own, ...rest } = sealed.data;
  if (hash(canonicalJson(rest as unknown as Json)) !== own) return { damage: 'state.json is not as it was written' };
  if (rest.format !== format) throw otherVersion(path, rest.format);
  const { step, cursor, watch, memory, run, hashes } = stateSchema.parse(rest);
  for (const [file, expected] of Object.entries(hashes)) {
    const found = await hashFile(join(path, file)).catch(() => undefined);
    if (found === undefined) return { damage: `${file} is missing or cannot be read` };
    if (found !== expected) return { damage: `${file} is not as it was written` };
  }
  return { step, cursor, watch, memory, run };
}

function otherVersion(path: string, received: number): TrainbookError {
  const isLater = received > format;
  return new TrainbookError({
    what: `train: the checkpoint ${path} was written by ${isLater ? 'a later' : 'an earlier'} version of trainbook`,
    received: `format ${received}`,
    expected: `format ${format}`,
    fix: `${isLater ? 'update trainbook' : 'go on with the version that wrote it'}, or give another folder`,
  });
}

/** `step-00000100`, so that names sort as steps do. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/** Names of checkpoints, the newest first. */
export async function checkpointNames(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch {
    return []; // no folder, no checkpoints
  }
  return names.filter((name) => /^step-\d{8,}$/.test(name)).sort((a, b) => stepOf(b) - stepOf(a));
}

/** 100 of `step-00000100`. */
export function stepOf(name: string): number {
  return Number(name.slice('step-'.length));
}
