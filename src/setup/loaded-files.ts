import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { lastLines, runProgram } from './program.js';
import type { ProgramOptions } from './program.js';

/** As V8 writes it for NODE_V8_COVERAGE: every script that was loaded. */
const coverage = z.object({ result: z.array(z.object({ url: z.string() })) });

/**
 * The files that a Node program and the processes that it starts load, found by running it: scripts, as V8 lists them; the package.json of
 * each package, by which Node finds them; and libraries (`.node`), which V8 does not see, of packages that were loaded and of those that
 * are for this kind of machine beside them.
 *
 * @throws TrainbookError if the program fails.
 */
export async function loadedFiles(args: readonly string[], options: ProgramOptions = {}): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-loaded-'));
  try {
    const environment = { ...(options.environment ?? process.env), NODE_V8_COVERAGE: folder };
    const result = await runProgram(process.execPath, args, { ...options, environment });
    if (result.code !== 0) {
      throw new TrainbookError({
        what: `the dry run of ${args.join(' ')} failed`,
        received: lastLines(result, 15),
        expected: 'a run without errors, which shows what it loads',
      });
    }
    const scripts = new Set<string>();
    for (const name of await readdir(folder)) {
      const { result: found } = coverage.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
      for (const { url } of found) if (url.startsWith('file:')) scripts.add(fileURLToPath(url.replace(/[?#].*$/, '')));
    }
    const packages = new Set([...scripts].flatMap((path) => packageFolders(path)));
    const described = [...packages].map((own) => join(own, 'package.json'));
    return [...scripts, ...described, ...[...packages].flatMap(librariesOf)].filter((path) => existsSync(path)).sort();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The folders at and above a file, up to its package's own, that have a package.json. */
function packageFolders(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); dirname(folder) !== folder && !folder.endsWith(`${sep}node_modules`);) {
    if (existsSync(join(folder, 'package.json'))) folders.push(folder);
    folder = dirname(folder);
  }
  return folders;
}

/** Libraries of a package: its own, and those of the optional packages in which it keeps them for each kind of machine. */
function librariesOf(folder: string): string[] {
  if (!folder.includes(`${sep}node_modules${sep}`)) return [];
  const { optionalDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  };
  const modules = folder.slice(0, folder.lastIndexOf(`${sep}node_modules${sep}`) + '/node_modules'.length);
  const beside = Object.keys(optionalDependencies).map((name) => join(modules, name));
  return [folder, ...beside.filter((path) => existsSync(path))].flatMap((own) => [
    ...(own === folder ? [] : [join(own, 'package.json')]),
    ...filesIn(own).filter((path) => path.endsWith('.node')),
  ]);
}

/** All files below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
