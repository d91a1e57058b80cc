import { readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { hashFile } from '../files.js';
import type { Json } from '../files.js';
import type { FileHashes } from './file-hashes.js';
import { buildFolder } from './origin.js';
import { workingChanges } from './provenance/changes.js';
import { gitState } from './provenance/git.js';
import { engineRecord, machine } from './provenance/machine.js';
import { filterSecrets, filterVariables } from './provenance/secrets.js';

async function packages(): Promise<Record<string, string>> {
  const root = dirname(buildFolder);
  const read = async (path: string): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse(await readFile(path, 'utf8')) as Readonly<Record<string, unknown>>;
  const own = await read(join(root, 'package.json'));
  const names = Object.keys({ ...(own['dependencies'] ?? {}), ...(own['peerDependencies'] ?? {}) }).sort();
  const versions: Record<string, string> = { trainbook: String(own['version']) };
  for (const name of names) {
    // In the clone packages lie beside src/, in a user's project beside trainbook itself.
    for (const folder of [join(root, 'node_modules', name), join(dirname(root), name)]) {
      const found = await read(join(folder, 'package.json')).catch(() => undefined);
      if (found === undefined) continue;
      versions[name] = String(found['version']);
      break;
    }
  }
  return versions;
}

/** The value with the user's home folder and name taken out of every text: records are shown to others. */
export function withoutUser(value: Json): Json {
  const home = homedir();
  const name = userInfo().username;
  const clean = (text: string): string => {
    const short = home.length > 1 ? text.replaceAll(home, '~') : text;
    return name.length > 2 && name !== 'root' ? short.replaceAll(`/${name}/`, '/user/') : short;
  };
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map(withoutUser);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutUser(item)]));
}

/** The file that fixes the versions of the project's packages, of whichever package manager, at or above a folder. */
export async function lockFile(root: string): Promise<{ readonly name: string; readonly hash: string } | undefined> {
  for (let folder = root; ; folder = dirname(folder)) {
    for (const name of ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock']) {
      const found = await hashFile(join(folder, name)).catch(() => undefined);
      if (found !== undefined) return { name, hash: found };
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** Variables on which a computation may depend. (TF_CLI_… are Terraform's; the memory limit is our own, and the machine's.) */
const telling =
  /^(?:(?:TRAINBOOK|XLA|CUDA|NVIDIA|OMP|KMP|MKL|ONEDNN|DNNL|OPENBLAS)_|TF_(?!CLI_|CPU_BFC_MEM_LIMIT)|NODE_OPTIONS$|UV_THREADPOOL_SIZE$|SLURM_(?:JOB_ID|ARRAY_TASK_ID|CPUS_PER_TASK|NTASKS|PROCID)$)/u;

function variables(): { readonly variables: Readonly<Record<string, string>>; readonly removed: number } {
  const found = Object.entries(process.env).flatMap(([name, value]): [string, string][] =>
    telling.test(name) && value !== undefined ? [[name, value]] : [],
  );
  return filterVariables(Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** What was typed: the program by its name, a script by its path in the project. */
function processCommand(root: string): { readonly text: string; readonly removed: number } {
  const [program = '', script = '', ...words] = process.argv;
  const place = relative(root, script);
  const shown = [basename(program), place.startsWith('..') ? script : place, ...words];
  return filterSecrets(shown.filter((word) => word !== '').join(' '));
}

/** What a run's record tells of where it was computed, and the patch that its commit lacks; undefined where it lacks none. */
export interface RunEnvironment {
  readonly environment: Json;
  readonly patch: string | undefined;
}

/**
 * What a run was computed with: packages, engine, machine, commit, the changes to it, the command, the variables that may matter.
 * Secrets are taken out of all texts and counted; `secretsRemoved` is there if there were any.
 *
 * @param engine what the engine says of itself
 * @param sources the files that the experiment is made of
 */
export async function runEnvironment(
  root: string,
  engine: Json,
  hashes: FileHashes,
  sources: readonly string[],
): Promise<RunEnvironment> {
  const [state, lock] = await Promise.all([gitState(root), lockFile(root)]);
  const changes =
    state === undefined ? undefined : await workingChanges(state.top, sources).catch((error: unknown) => String(error));
  const command = processCommand(root);
  const remote = filterSecrets(state?.remote ?? '');
  const environmentVariables = variables();
  const found = typeof changes === 'object' ? changes : undefined;
  const removed = command.removed + remote.removed + environmentVariables.removed + (found?.secretsRemoved ?? 0);
  const patched = found !== undefined && (found.files.length > 0 || found.omitted.length > 0);
  const environment = withoutUser({
    format: 1,
    node: process.version,
    packages: await packages(),
    engine: await engineRecord(engine, hashes),
    ...(await machine()),
    git:
      state === undefined
        ? null // no git, or no repository
        : {
            commit: state.commit,
            ...(state.branch === undefined ? {} : { branch: state.branch }),
            ...(state.remote === undefined ? {} : { remote: remote.text }),
            ...(state.project === '' ? {} : { project: state.project }),
            dirty: state.dirty || patched,
            ...(patched ? { changes: [...found.files], ...omissions(found.omitted) } : {}),
            ...(typeof changes === 'string' ? { changesUnknown: filterSecrets(changes).text } : {}),
          },
    ...(lock === undefined ? {} : { lockFile: { ...lock } }),
    command: command.text,
    variables: environmentVariables.variables,
    ...(removed === 0 ? {} : { secretsRemoved: removed }),
  });
  return { environment, patch: found === undefined || found.patch === '' ? undefined : found.patch };
}

function omissions(omitted: readonly { readonly path: string; readonly reason: string }[]): {
  readonly changesLeftOut?: Json;
} {
  return omitted.length === 0 ? {} : { changesLeftOut: omitted.map(({ path, reason }) => `${path}: ${reason}`) };
}
