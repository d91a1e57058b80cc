import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { key, uniformNumbers } from '../../../src/engine/key.js';

/** Writes a small corpus: so many files of documents with near-duplicates, exact ones, empty ones, and other things known. */
export async function writeCorpus(folder: string, files = 6, rows = 40): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const draws = uniformNumbers(key(7), files * rows);
  const texts = [...draws].map((draw, index) => {
    if (index % 29 === 0) return '';
    const words = Array.from(
      { length: 20 + Math.floor(draw * 60) },
      (_, at) => `word${(at * 7 + Math.floor(draw * 40)) % 90}`,
    );
    return words.join(' ') + (index % 3 === 0 ? ' end' : '');
  });
  const paths: string[] = [];
  for (let file = 0; file < files; file++) {
    const lines = texts
      .slice(file * rows, (file + 1) * rows)
      .map((text, row) =>
        JSON.stringify({ text, domain: row % 2 === 0 ? 'even' : 'odd', title: `document ${row}`, number: row }),
      );
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    const path = join(folder, `${String.fromCharCode(97 + file)}.jsonl${file % 2 === 0 ? '' : '.gz'}`);
    await writeFile(path, file % 2 === 0 ? bytes : gzipSync(bytes));
    paths.push(path);
  }
  return paths;
}

/** The hash of all files of a folder: names and bytes. */
export async function folderHash(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of (await readdir(folder, { recursive: true, withFileTypes: true })).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hash.update(path.slice(folder.length)).update(await readFile(path));
  }
  return hash.digest('hex');
}

/** The numbers 0 … count − 1 in an order drawn by a seed. */
export function shuffledBy(seed: number, count: number): readonly number[] {
  const draws = uniformNumbers(key(seed), count);
  return Array.from({ length: count }, (_, index) => index).sort((a, b) => (draws[a] ?? 0) - (draws[b] ?? 0));
}
