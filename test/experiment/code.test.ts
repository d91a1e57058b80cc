import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { experimentCode } from '../../src/experiment/code.js';
import type { Code } from '../../src/experiment/code.js';
import { experiment } from '../../src/experiment/experiment.js';
import { FileHashes } from '../../src/experiment/file-hashes.js';
import { whereCalled } from '../../src/experiment/origin.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-code-'));
  await mkdir(join(folder, 'helpers'));
  await writeFile(join(folder, 'main.ts'), "import { clean } from './helpers/clean.js';\nexport default clean;\n");
  await writeFile(join(folder, 'helpers', 'clean.ts'), "export { lower as clean } from '../lower';\n");
  await writeFile(join(folder, 'lower.ts'), 'export const lower = (text: string) => text.toLowerCase();\n');
  await writeFile(join(folder, 'alone.ts'), 'export const nobody = 1;\n');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const one = experiment('one', z.object({}), {}).stage('a', () => 1);

async function code(cache?: string): Promise<Code> {
  const hashes = await FileHashes.open(cache);
  const found = await experimentCode(
    { ...one, origin: { files: [join(folder, 'main.ts')], inCell: false } },
    hashes,
    folder,
  );
  await hashes.save();
  return found;
}

describe('experimentCode', () => {
  it('changes with a file at the end of the import graph, and not with a file outside of it', async () => {
    const before = await code();
    await writeFile(join(folder, 'alone.ts'), 'export const nobody = 2;\n');
    expect((await code()).hash).toBe(before.hash);
    await writeFile(join(folder, 'lower.ts'), 'export const lower = (text: string) => text;\n');
    expect((await code()).hash).not.toBe(before.hash);
  });

  it('sees an edit right after the hash was remembered, even of the same length', async () => {
    const cache = join(folder, 'cache.json');
    const before = await code(cache);
    await writeFile(join(folder, 'alone.ts'), 'export const nobody = 1;\n');
    await writeFile(join(folder, 'lower.ts'), 'export const lower = (text: string) => text.toUpperCase();\n');
    const upper = await code(cache);
    expect(upper.hash).not.toBe(before.hash);
    await writeFile(join(folder, 'lower.ts'), 'export const lower = (text: string) => text.toLowerCase();\n');
    expect((await code(cache)).hash).toBe(before.hash);
  });

  it('follows an import that is added', async () => {
    const before = await code();
    await writeFile(join(folder, 'lower.ts'), "import './alone.js';\nexport const lower = 1;\n");
    const after = await code();
    await writeFile(join(folder, 'alone.ts'), 'export const nobody = 3;\n');
    expect(new Set([before.hash, after.hash, (await code()).hash]).size).toBe(3);
  });

  it('is never the same twice if an import cannot be followed', async () => {
    await writeFile(join(folder, 'lower.ts'), "export { lower } from '@alias/lower';\n");
    const first = await code();
    expect(first.unknown.join()).toContain('@alias/lower');
    expect((await code()).hash).not.toBe(first.hash);
  });

  it.each<[string, string, string, string]>([
    ['imported', "import { x } from './part.js';", 'part.ts', 'export const x = 2;'],
    ['imported for its types', "import type { X } from './part.js';", 'part.ts', 'export type X = 2;'],
    ['exported again by name', "export { x } from './part.js';", 'part.ts', 'export const x = 2;'],
    ['exported again as a whole', "export * from './part.js';", 'part.ts', 'export const x = 2;'],
    ['of a folder by its index', "import './parts';", 'parts/index.ts', 'export const x = 2;'],
    ['of JSON', "import table from './part.json' with { type: 'json' };", 'part.json', '{"x":2}'],
    ['imported when it is needed', "const { x } = await import('./part.js');", 'part.ts', 'export const x = 2;'],
    ['required', "const { x } = require('./part.cjs');", 'part.cjs', 'exports.x = 2;'],
    ['of a worker', "new Worker(new URL('./part.js', import.meta.url));", 'part.ts', 'export const x = 2;'],
  ])('sees the edit of a file that is %s, two imports away', async (_what, statement, file, edited) => {
    await mkdir(join(folder, 'parts'));
    await writeFile(join(folder, file), '');
    await writeFile(join(folder, 'lower.ts'), `${statement}\nexport const lower = 1;\n`);
    const cache = join(folder, 'cache.json');
    const before = await code(cache);
    expect(before.unknown).toEqual([]);
    expect(before.files).toHaveProperty([file]);
    expect((await code(cache)).hash).toBe(before.hash);
    await writeFile(join(folder, file), edited);
    expect((await code(cache)).hash).not.toBe(before.hash);
  });

  it.each([
    ['import(name)', 'const part = await import(name);', true],
    ['import with a text that is put together', 'const part = await import(`./${name}.js`);', true],
    ['require(name)', 'const part = require(name);', true],
    ['a comment that speaks of import(name)', '// import(name) is not used\nconst a = 1;', false],
    ['a type that is imported', "type A = import('./alone.js').A;", false],
    ['import of a plain text in backticks', 'const part = await import(`./alone.js`);', false],
  ])('is in doubt where a file is known only when it runs: %s', async (_what, statement, doubt) => {
    await writeFile(join(folder, 'lower.ts'), `${statement}\nexport const lower = 1;\n`);
    const first = await code();
    expect(first.unknown.length > 0).toBe(doubt);
    expect((await code()).hash === first.hash).toBe(!doubt);
  });

  it('is in doubt if a file has changed since this process loaded it: what runs is not what stands there', async () => {
    const hashes = await FileHashes.open();
    const origin = { files: [join(folder, 'main.ts')], inCell: false, loadedAt: Date.now() + 5 };
    const before = await experimentCode({ ...one, origin }, hashes, folder);
    expect(before.unknown).toEqual([]);
    await utimes(join(folder, 'lower.ts'), new Date(), new Date(Date.now() + 1000));
    const after = await experimentCode({ ...one, origin }, hashes, folder);
    expect(after.unknown.join()).toMatch(/lower\.ts, which was changed after this process had loaded it/u);
    expect(one.origin.loadedAt).toBeLessThanOrEqual(Date.now());
  });

  it('of a notebook is the text of each stage by itself', async () => {
    const cells = { files: [], inCell: true };
    const hashes = await FileHashes.open();
    const base = experiment('cells', z.object({}), {}).stage('a', () => 1);
    const two = await experimentCode({ ...base.stage('b', () => 2), origin: cells }, hashes, folder);
    const three = await experimentCode({ ...base.stage('b', () => 3), origin: cells }, hashes, folder);
    expect(two.ofStage('a')).toBe(three.ofStage('a'));
    expect(two.ofStage('b')).not.toBe(three.ofStage('b'));
    expect(two.hash).not.toBe(three.hash);
  });
});

describe('whereCalled', () => {
  it('names this file, and no package', () => {
    const { files, inCell } = whereCalled();
    expect(files).toEqual([import.meta.filename]);
    expect(inCell).toBe(false);
    expect(one.origin.files).toEqual([import.meta.filename]);
  });
});
