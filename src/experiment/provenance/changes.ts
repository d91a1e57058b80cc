import { readFile, realpath, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { git } from './git.js';
import { filterSecrets } from './secrets.js';

/** Bytes of the changes to one file, and of all together, that a run's record takes. */
export const changeLimits = { file: 131_072, all: 524_288 } as const;

/** What of a working tree is not in its commit. */
export interface Changes {
  /** For `git apply`: changes to tracked files, and files that git does not know but the experiment imports; without secrets. */
  readonly patch: string;
  /** The files in the patch, from the repository's folder. */
  readonly files: readonly string[];
  readonly omitted: readonly { readonly path: string; readonly reason: string }[];
  readonly secretsRemoved: number;
}

interface FileChange {
  readonly path: string;
  /** Its part of the patch, or why there is none. */
  readonly patch: string | { readonly omitted: string };
}

const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1024)} KiB`;
const tooLarge = (bytes: number): { readonly omitted: string } => ({
  omitted: `${kilobytes(bytes)}, more than the ${kilobytes(changeLimits.file)} that a record takes of one file`,
});
const diffOptions = [
  '--no-color',
  '--no-ext-diff',
  '--no-textconv',
  '--no-renames',
  '--src-prefix=a/',
  '--dst-prefix=b/',
];

/** Changes to files that git tracks, those that are binary by name alone. */
async function trackedChanges(top: string): Promise<FileChange[]> {
  const options = ['diff', 'HEAD', ...diffOptions, '--ignore-submodules=dirty'];
  const numbers = await git(top, [...options, '--numstat', '-z']);
  // `3\t1\tsrc/a.ts\0`; `-\t-\t` for what is binary
  const entries = numbers.split('\0').flatMap((line) => {
    const [added, , path] = line.split('\t');
    return path === undefined ? [] : [{ path, binary: added === '-' }];
  });
  const binary = entries
    .filter((entry) => entry.binary)
    .map(({ path }) => ({ path, patch: { omitted: 'it is binary' } }));
  const text = entries.filter((entry) => !entry.binary).map(({ path }) => path);
  const changes: FileChange[] = [];
  for (let at = 0; at < text.length; at += 200) {
    const paths = text.slice(at, at + 200);
    const whole = await git(top, [...options, '--', ...paths.map((path) => `:(literal)${path}`)]);
    const parts = whole.split(/^(?=diff --git )/mu).filter((part) => part !== '');
    if (parts.length !== paths.length) throw new Error(`git diff: ${parts.length} parts for ${paths.length} files`);
    for (const [index, path] of paths.entries()) changes.push({ path, patch: parts[index] ?? '' });
  }
  return [...binary, ...changes.map(limited)];
}

function limited(change: FileChange): FileChange {
  // What is not UTF-8 came out with replacement characters: such a patch could not be applied.
  if (typeof change.patch === 'string' && change.patch.includes('\uFFFD')) {
    return { path: change.path, patch: { omitted: 'it is not UTF-8' } };
  }
  const bytes = typeof change.patch === 'string' ? Buffer.byteLength(change.patch) : 0;
  return bytes > changeLimits.file ? { path: change.path, patch: tooLarge(bytes) } : change;
}

/** Files of the experiment's code that git does not track. */
async function untrackedSources(top: string, sources: readonly string[]): Promise<FileChange[]> {
  const inside: string[] = [];
  const changes: FileChange[] = [];
  for (const source of sources) {
    const path = relative(top, await realpath(source).catch(() => source));
    if (path.startsWith('..')) changes.push({ path, patch: { omitted: 'it lies outside of the repository' } });
    else inside.push(path);
  }
  for (let at = 0; at < inside.length; at += 200) {
    const asked = inside.slice(at, at + 200).map((path) => `:(literal)${path}`);
    const found = await git(top, ['ls-files', '--others', '-z', '--', ...asked]);
    for (const path of found.split('\0').filter((name) => name !== '')) changes.push(await addition(top, path));
  }
  return changes;
}

async function addition(top: string, path: string): Promise<FileChange> {
  const file = `${top}/${path}`;
  const { size } = await stat(file);
  if (size > changeLimits.file) return { path, patch: tooLarge(size) };
  if ((await readFile(file)).includes(0)) return { path, patch: { omitted: 'it is binary' } };
  // It ends with 1 where the two differ, which they do.
  const patch = await git(top, ['diff', '--no-index', ...diffOptions, '--', '/dev/null', path], [0, 1]);
  return limited({ path, patch });
}

/**
 * What of the working tree a commit lacks, as a patch without secrets. Of files that git does not track only those are taken
 * that the experiment is made of (`sources`: absolute paths). Left out, and named: what is binary, and what is larger than
 * `changeLimits`.
 *
 * @param top the repository's folder
 */
export async function workingChanges(top: string, sources: readonly string[]): Promise<Changes> {
  const all = [...(await trackedChanges(top)), ...(await untrackedSources(await realpath(top), sources))];
  const files: string[] = [];
  const omitted: { path: string; reason: string }[] = [];
  let patch = '';
  let secretsRemoved = 0;
  for (const change of all) {
    const path = change.path.replaceAll(sep, '/');
    if (typeof change.patch !== 'string') {
      omitted.push({ path, reason: change.patch.omitted });
      continue;
    }
    const { text, removed } = filterSecrets(change.patch);
    if (Buffer.byteLength(patch) + Buffer.byteLength(text) > changeLimits.all) {
      omitted.push({ path, reason: `all changes together are more than ${kilobytes(changeLimits.all)}` });
      continue;
    }
    files.push(path);
    patch += text;
    secretsRemoved += removed;
  }
  return { patch, files, omitted, secretsRemoved };
}
