import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'trainbook-rows-'));
let numFiles = 0;

/** The path of a file with that content, of a name of its own. */
export function fileOf(content: string | Uint8Array, ending = 'jsonl'): string {
  const path = join(folder, `rows-${numFiles++}.${ending}`);
  writeFileSync(path, content);
  return path;
}

/** Rows as JSON Lines in a file. */
export function linesFile(...rows: readonly unknown[]): string {
  return fileOf(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
