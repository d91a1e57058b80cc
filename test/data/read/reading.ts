import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { listInputs, readInput } from '../../../src/data/read/inputs.js';
import type { ReadOptions } from '../../../src/data/read/options.js';
import type { ReadDocument } from '../../../src/data/read/read.js';

/** All that is read of one file. */
export async function readAll(path: string, options: ReadOptions = {}): Promise<readonly ReadDocument[]> {
  const all: ReadDocument[] = [];
  for (const input of await listInputs(path)) for await (const found of readInput(input, options)) all.push(found);
  return all;
}

export const textsOf = async (path: string, options?: ReadOptions): Promise<readonly string[]> =>
  (await readAll(path, options)).map(({ document }) => document.text);

/** A folder for the tests of a file, and what writes into it. */
export function testFolder(): {
  readonly path: () => string;
  readonly write: (name: string, content: string | Uint8Array) => Promise<string>;
} {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trainbook-read-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });
  return {
    path: () => folder,
    write: async (name, content) => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
  };
}
