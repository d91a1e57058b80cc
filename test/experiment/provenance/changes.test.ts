import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeLimits, workingChanges } from '../../../src/experiment/provenance/changes.js';
import { gitState } from '../../../src/experiment/provenance/git.js';

let top = '';
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: top }).toString();
const put = async (path: string, content: string | Uint8Array): Promise<string> => {
  await mkdir(join(top, path, '..'), { recursive: true });
  await writeFile(join(top, path), content);
  return join(top, path);
};

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'trainbook-changes-'));
  git('init', '-q', '-b', 'trunk');
  await put('src/实验 1.ts', 'one\ntwo\nthree\n');
  await put('src/gone.ts', 'gone\n');
  await put('picture.bin', Uint8Array.of(0, 1, 2));
  await put('.gitignore', 'ignored/\n');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
});
afterEach(() => rm(top, { recursive: true, force: true }));

describe('workingChanges', () => {
  it('are none in a clean tree, whatever else lies in it', async () => {
    await put('note.txt', 'nobody imports this');
    expect(await workingChanges(top, [join(top, 'src/实验 1.ts')])).toEqual({
      patch: '',
      files: [],
      omitted: [],
      secretsRemoved: 0,
    });
    expect(await gitState(join(top, 'src'))).toMatchObject({ branch: 'trunk', project: 'src', dirty: false });
  });

  it('make a patch of which git makes the same tree again', async () => {
    await put('src/实验 1.ts', 'one\nTWO\nthree\n');
    await rm(join(top, 'src/gone.ts'));
    const sources = [await put('src/added.ts', 'added\nno newline at the end'), await put('ignored/used.ts', 'used\n')];
    git('add', '-N', 'src/added.ts'); // also where the index was told of it
    const { patch, files, omitted } = await workingChanges(top, sources);
    expect([...files].sort()).toEqual(['ignored/used.ts', 'src/added.ts', 'src/gone.ts', 'src/实验 1.ts']);
    expect(omitted).toEqual([]);
    const before = git('diff', 'HEAD', '--', 'src');
    git('reset', '-q');
    git('stash', '-q', '-u', '--all');
    execFileSync('git', ['apply', '-'], { cwd: top, input: patch });
    git('add', '-N', 'src/added.ts');
    expect(git('diff', 'HEAD', '--', 'src')).toBe(before);
    execFileSync('test', ['-f', join(top, 'ignored/used.ts')]);
  });

  it('leave out what is binary, too large, not UTF-8 or elsewhere, and name it', async () => {
    await put('picture.bin', Uint8Array.of(0, 9));
    await put('src/gone.ts', 'x\n'.repeat(changeLimits.file));
    await put('src/实验 1.ts', Uint8Array.of(0x6f, 0xe9, 0x0a));
    const sources = [
      await put('data.ts', new Uint8Array(10)),
      await put('big.ts', 'y'.repeat(changeLimits.file + 1)),
      join(tmpdir(), 'elsewhere.ts'),
    ];
    const { patch, files, omitted } = await workingChanges(top, sources);
    expect([patch, files]).toEqual(['', []]);
    expect(omitted.map(({ path, reason }) => [path.split('/').at(-1), reason.slice(0, 14)]).sort()).toEqual([
      ['big.ts', '129 KiB, more '],
      ['data.ts', 'it is binary'],
      ['elsewhere.ts', 'it lies outsid'],
      ['gone.ts', '385 KiB, more '],
      ['picture.bin', 'it is binary'],
      ['实验 1.ts', 'it is not UTF-'],
    ]);
  });

  it('have no secrets, and say how many were taken out', async () => {
    await put('src/gone.ts', `const token = 'hf_${'a1'.repeat(17)}';\nconst password = 'x y';\n`);
    const { patch, secretsRemoved } = await workingChanges(top, []);
    expect(patch).not.toContain('hf_');
    expect(patch).not.toContain('x y');
    expect(secretsRemoved).toBe(2);
  });

  it('do not touch the index, in which the user may be about to commit', async () => {
    await put('src/gone.ts', 'staged\n');
    git('add', 'src/gone.ts');
    const staged = git('ls-files', '--stage');
    const untracked = await put('src/added.ts', 'added\n');
    await workingChanges(top, [untracked]);
    expect(git('ls-files', '--stage')).toBe(staged);
    expect(git('status', '--porcelain')).toContain('?? src/added.ts');
  });
});

describe('gitState', () => {
  it('is undefined without a repository, or a commit', async () => {
    await rm(join(top, '.git'), { recursive: true });
    expect(await gitState(top)).toBeUndefined();
    git('init', '-q');
    expect(await gitState(top)).toBeUndefined();
  });
});
