import { execFile } from 'node:child_process';

/** Runs git in a folder and gives what it prints. Without optional locks: it never gets in the way of the user's own git. */
export function git(folder: string, args: readonly string[], okay: readonly number[] = [0]): Promise<string> {
  return new Promise((done, fail) => {
    const options = {
      cwd: folder,
      timeout: 60_000,
      maxBuffer: 1 << 26,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' },
    };
    // quotePath: names beyond ASCII as they are; autocrlf must not change what a patch says.
    execFile('git', ['-c', 'core.quotePath=false', ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number' && okay.includes(code)) done(stdout);
      else fail(new Error(`git ${args[0] ?? ''}: ${stderr.trim() || String(error?.message)}`, { cause: error }));
    });
  });
}

/** Where a project stands in its repository. */
export interface GitState {
  readonly commit: string;
  /** Undefined where no branch is checked out. */
  readonly branch: string | undefined;
  /** Of `origin`, with its credentials if it has any. */
  readonly remote: string | undefined;
  /** The repository's folder. */
  readonly top: string;
  /** The project's folder in it, such as `packages/models`; empty where it is the repository's own. */
  readonly project: string;
  /** Whether tracked files differ from the commit. */
  readonly dirty: boolean;
}

/** The state of the repository that a folder lies in; undefined without git, a repository or a commit. */
export async function gitState(folder: string): Promise<GitState | undefined> {
  const ask = async (...args: string[]): Promise<string> => (await git(folder, args)).trim();
  const maybe = (...args: string[]): Promise<string | undefined> =>
    ask(...args).then(
      (text) => (text === '' ? undefined : text),
      () => undefined,
    );
  try {
    const [places, branch, remote, changes] = await Promise.all([
      ask('rev-parse', 'HEAD', '--show-toplevel', '--show-prefix'),
      maybe('symbolic-ref', '--short', '-q', 'HEAD'),
      maybe('config', '--get', 'remote.origin.url'),
      ask('status', '--porcelain', '--untracked-files=no'),
    ]);
    const [commit = '', top = '', prefix = ''] = places.split('\n');
    return { commit, branch, remote, top, project: prefix.replace(/\/$/u, ''), dirty: changes !== '' };
  } catch {
    return undefined;
  }
}
