import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { hash } from '../../files.js';
import type { Json } from '../../files.js';
import type { WrittenFile } from './section-file.js';

// A task is done when its marker is there, the last of its files: .work/judge-0/00012.done =
// {"files":{".work/judge-0/00012.documents":{"bytes":1048576,"hash":"5f0c…"}},"facts":{"documents":341}}

const doneSchema = z.strictObject({
  files: z.record(z.string(), z.strictObject({ bytes: z.int(), hash: z.string() })),
  facts: z.json(),
});

/** What a task wrote, by path from the folder, and what it counted. */
export interface Done<Facts extends Json = Json> {
  readonly files: Readonly<Record<string, WrittenFile>>;
  readonly facts: Facts;
}

export const WORK = '.work';

/** Where the files of a task lie: `.work/judge-0/00012.documents`. */
export function taskFile(stage: string, task: number, ending: string): string {
  return `${WORK}/${stage}/${String(task).padStart(5, '0')}.${ending}`;
}

/** What a task left; undefined if it is not done: there is no whole marker, or a file of it is not there in its length. */
export function readDone(folder: string, stage: string, task: number): Done | undefined {
  const path = join(folder, taskFile(stage, task, 'done'));
  if (!existsSync(path)) return undefined;
  try {
    const done = doneSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    const whole = Object.entries(done.files).every(
      ([name, { bytes }]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === bytes,
    );
    return whole ? done : undefined;
  } catch {
    return undefined;
  }
}

export function writeDone(folder: string, stage: string, task: number, done: Done): void {
  writeWhole(folder, taskFile(stage, task, 'done'), Buffer.from(`${JSON.stringify(done)}\n`));
}

/** Writes a file beside, flushes it to disk and renames it: it is there whole, or not at all. */
export function writeWhole(folder: string, name: string, bytes: Uint8Array): WrittenFile {
  const path = join(folder, name);
  const beside = join(folder, WORK, `${hash(name)}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`);
  try {
    const file = openSync(beside, 'wx');
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  return { bytes: bytes.length, hash: hash(bytes) };
}
