import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { FaultKind, RowReport } from '../../../src/data/post-training/index.js';

const folder = mkdtempSync(join(tmpdir(), 'trainbook-rows-'));
let numFiles = 0;
afterAll(() => {
  rmSync(folder, { recursive: true });
});

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

/** What a report lists, without places and values. */
export function faults({ listed }: RowReport): readonly (readonly [FaultKind, string | undefined])[] {
  return listed.map(({ kind, field }) => [kind, field]);
}

export const reject = { onBadRow: 'reject' } as const;
export const user = (content: string) => ({ role: 'user', content }) as const;
export const assistant = (content: string) => ({ role: 'assistant', content }) as const;
export const system = (content: string) => ({ role: 'system', content }) as const;
