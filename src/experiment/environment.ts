import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, cpus, homedir, release, totalmem, type, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Json } from '../files.js';
import { buildFolder } from './origin.js';

const run = promisify(execFile);

async function git(root: string): Promise<Json> {
  const ask = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: root, timeout: 10_000, maxBuffer: 1 << 26 })).stdout.trim();
  try {
    const [commit, changes] = await Promise.all([ask('rev-parse', 'HEAD'), ask('status', '--porcelain')]);
    return { commit, dirty: changes !== '' };
  } catch {
    return null; // no git, or no repository
  }
}

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

/** What a run was computed with; `engine` is what the engine says of itself. Memory is in bytes. */
export async function environment(root: string, engine: Json): Promise<Json> {
  const processors = cpus();
  return withoutUser({
    format: 1,
    node: process.version,
    packages: await packages(),
    engine,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: totalmem(),
    os: `${type()} ${release()}`,
    arch: arch(),
    git: await git(root),
  });
}
