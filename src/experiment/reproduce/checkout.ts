import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { TrainbookError } from '../../error.js';
import { experimentBuild } from '../code.js';
import { FileHashes } from '../file-hashes.js';
import { git, gitState } from '../provenance/git.js';
import { applyPatch } from './apply-patch.js';
import { recordedGit } from './recorded-run.js';
import type { RecordedGit, RecordedRun } from './recorded-run.js';

/** Where a run can be done again. */
export type Place =
  /** In a project whose files are those of the run: code and what its stages read. */
  | { readonly kind: 'here'; readonly project: string; readonly numCode: number; readonly numInputs: number }
  /** In a checkout of the run's commit, which a repository here has. */
  | { readonly kind: 'checkout'; readonly repository: string; readonly project: string; readonly git: RecordedGit }
  /** In a project of which it is not known whether it is the same: the record has no commit. */
  | { readonly kind: 'unknown'; readonly project: string };

/** A path of a record that stays inside of the project: a record comes from others. */
export function insidePath(path: string): boolean {
  return !isAbsolute(path) && !normalize(path).split(/[\\/]/u).includes('..');
}

/** The hashes of all files that the run's stages read, by path from the project's folder. */
export function inputFiles({ stages }: Pick<RecordedRun, 'stages'>): ReadonlyMap<string, string> {
  return new Map(stages.flatMap(({ files }) => Object.entries(files)));
}

async function isSameTree(recorded: RecordedRun, project: string, ownBuild: boolean): Promise<boolean> {
  const { code } = recorded;
  if (code === null || Object.keys(code.files).length === 0) return false;
  const hashes = await FileHashes.open();
  for (const [path, expected] of [...Object.entries(code.files), ...inputFiles(recorded)]) {
    if (((await hashes.of(resolve(project, path))) ?? 'missing') !== expected) return false;
  }
  return !ownBuild || (await experimentBuild(hashes)) === code.build;
}

/**
 * Finds where a run can be done again: in one of the projects, if its files are the run's; else in a checkout of its commit.
 *
 * @param projects folders of projects, the likeliest first
 * @param ownBuild whether a project is a clone of trainbook itself, whose build is part of the code
 * @throws TrainbookError if none of the repositories has the commit
 */
export async function findPlace(
  recorded: RecordedRun,
  projects: readonly string[],
  ownBuild: (project: string) => boolean,
): Promise<Place> {
  for (const project of projects) {
    if (await isSameTree(recorded, project, ownBuild(project))) {
      const numCode = Object.keys(recorded.code?.files ?? {}).length;
      return { kind: 'here', project, numCode, numInputs: inputFiles(recorded).size };
    }
  }
  const found = recordedGit(recorded);
  if (found === undefined) return { kind: 'unknown', project: projects[0] ?? process.cwd() };
  if (!insidePath(found.project ?? '')) throw outside(found.project ?? '');
  for (const project of projects) {
    const top = (await gitState(project))?.top;
    if (top === undefined) continue;
    const has = await git(top, ['cat-file', '-e', `${found.commit}^{commit}`]).then(
      () => true,
      () => false,
    );
    if (has) return { kind: 'checkout', repository: top, project: join(top, found.project ?? ''), git: found };
  }
  throw new TrainbookError({
    what: 'reproduce: no repository here has the commit of the run',
    received: found.commit,
    expected: `a clone${found.remote === undefined ? '' : ` of ${found.remote}`} that has this commit`,
    fix: 'go into the clone (git clone, git fetch), and give the run or its report from there',
  });
}

export function outside(path: string): TrainbookError {
  return new TrainbookError({
    what: 'reproduce: the record names a file outside of its project',
    received: path,
    expected: 'a path inside of it',
  });
}

/** A checkout in a temporary folder. */
export interface Checkout {
  /** The project's folder in it. */
  readonly project: string;
  /** Files that stages read and that git does not have: those linked from the project here, and those that are not the same there. */
  readonly linked: readonly string[];
  readonly missing: readonly string[];
  remove(): Promise<void>;
}

/**
 * Checks the commit of a run out into a temporary git worktree, applies its changes, and links what git does not have: packages
 * (`node_modules`) and files that the stages read, if they are the same here.
 *
 * @param withPackages whether the packages here can serve
 */
export async function checkOut(
  recorded: RecordedRun,
  { repository, project: origin, git: recordedState }: Place & { kind: 'checkout' },
  withPackages: boolean,
): Promise<Checkout> {
  const temporary = await realpath(await mkdtemp(join(tmpdir(), 'trainbook-reproduce-')));
  const tree = join(temporary, 'tree');
  const remove = async (): Promise<void> => {
    await git(repository, ['worktree', 'remove', '--force', tree]).catch(() => undefined);
    await rm(temporary, { recursive: true, force: true });
    await git(repository, ['worktree', 'prune']).catch(() => undefined);
  };
  try {
    // Hooks of the repository are not part of the run.
    const args = ['-c', 'core.hooksPath=/dev/null', 'worktree', 'add', '--detach', tree, recordedState.commit];
    await git(repository, args);
    if (recorded.patch !== null) await applyPatch(tree, recorded.patch);
    const project = join(tree, recordedState.project ?? '');
    await mkdir(project, { recursive: true });
    if (withPackages) {
      await link(join(repository, 'node_modules'), join(tree, 'node_modules'));
      await link(join(origin, 'node_modules'), join(project, 'node_modules'));
    }
    return { project, remove, ...(await provideInputs(recorded, origin, project)) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function link(from: string, to: string): Promise<void> {
  if (!existsSync(from) || existsSync(to)) return;
  await mkdir(dirname(to), { recursive: true });
  await symlink(from, to, process.platform === 'win32' ? 'junction' : undefined);
}

async function provideInputs(
  recorded: RecordedRun,
  origin: string,
  project: string,
): Promise<Pick<Checkout, 'linked' | 'missing'>> {
  const hashes = await FileHashes.open();
  const linked: string[] = [];
  const missing: string[] = [];
  // Folders before what is in them: a folder that is linked has it already.
  const inputs = [...inputFiles(recorded)].sort(([a], [b]) => a.length - b.length);
  for (const [path, expected] of inputs) {
    const here = (await hashes.of(resolve(project, path))) ?? 'missing';
    if (here === expected) continue;
    const same = insidePath(path) && (await hashes.of(join(origin, path))) === expected;
    if (same && here === 'missing') {
      await link(join(origin, path), join(project, path));
      linked.push(path);
    } else missing.push(path);
  }
  return { linked, missing };
}
