import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { TrainbookError } from '../../error.js';
import { cacheFolder, surroundings } from '../library.js';
import type { Surroundings } from '../library.js';

/** The wheel whose plugin runs StableHLO on the CPU: XLA at PJRT 0.81, StableHLO 1.13, with the header that `layout.ts` is made from. */
export const cpuPlugin = {
  requirement: 'xla-cpu-pjrt==0.0.1',
  platform: 'manylinux_2_27_x86_64',
  wheel: 'xla_cpu_pjrt-0.0.1-py3-none-manylinux_2_27_x86_64.whl',
  sha256: '55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc',
  library: 'xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so',
} as const;

/** Where the CPU plugin is, or will be, on this machine. */
export function cpuPluginPath(around: Surroundings = surroundings()): string {
  return join(cacheFolder(around), 'pjrt', cpuPlugin.sha256.slice(0, 16), cpuPlugin.library);
}

/**
 * Fetches the CPU plugin (61 MB, 260 MB unpacked) into the cache folder, checks its hash and returns its path; does nothing where it is
 * installed already. It appears in one move: a run that is interrupted leaves no half plugin, and two runs at once end
 * with one.
 *
 * @throws TrainbookError without Python and pip, without network, on other systems than Linux x64.
 * @example
 * const client = PjrtClient.create(await installCpuPlugin());
 */
export async function installCpuPlugin(around: Surroundings = surroundings()): Promise<string> {
  const path = cpuPluginPath(around);
  if (existsSync(path)) return path;
  if (around.platform !== 'linux' || around.arch !== 'x64') {
    throw new TrainbookError({
      what: 'pjrt: the CPU plugin exists for Linux x64 only',
      received: `${around.platform} ${around.arch}`,
      fix: 'set TRAINBOOK_PJRT_PLUGIN to a plugin for this system',
    });
  }
  const target = path.slice(0, -cpuPlugin.library.length - 1);
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(`${target}.part-`);
  try {
    const python = findPython();
    const download = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--only-binary=:all:',
    ];
    await run(python, [...download, '--platform', cpuPlugin.platform, '--dest', folder, cpuPlugin.requirement]);
    const wheel = join(folder, cpuPlugin.wheel);
    await checkHash(wheel);
    const unpack = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])';
    await run(python, ['-c', unpack, wheel, cpuPlugin.library, folder]);
    await rm(wheel);
    await moveInto(folder, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return path;
}

/** Python of the project's or the active environment, else the one on the path. */
function findPython(): string {
  const environments = [resolve('.venv'), process.env['VIRTUAL_ENV'], process.env['CONDA_PREFIX']];
  const found = environments
    .filter((environment) => environment !== undefined && environment !== '')
    .map((environment) => join(environment ?? '', 'bin', 'python3'))
    .find((path) => existsSync(path));
  return found ?? 'python3';
}

async function run(python: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(python, [...args], { maxBuffer: 2 ** 26 });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new TrainbookError({
      what: 'pjrt: the CPU plugin could not be fetched',
      received: said === '' ? String(cause) : (said.split('\n').at(-1) ?? said),
      expected: `python3 with pip, and a network that reaches its package index (${cpuPlugin.requirement})`,
      fix: 'set TRAINBOOK_PJRT_PLUGIN to the path of a PJRT plugin',
      cause,
    });
  }
}

async function checkHash(wheel: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(wheel), hash);
  const sha256 = hash.digest('hex');
  if (sha256 === cpuPlugin.sha256) return;
  throw new TrainbookError({
    what: `pjrt: ${cpuPlugin.wheel} is not the file that trainbook was tested with`,
    received: `sha256 ${sha256}`,
    expected: `sha256 ${cpuPlugin.sha256}`,
    fix: 'fetch it again; if the hash stays different, the package index serves another file',
  });
}

/** Renames `folder` to `target`; another process that was first is as good. */
async function moveInto(folder: string, target: string): Promise<void> {
  try {
    await rename(folder, target);
  } catch (error) {
    const there = await readdir(target).catch(() => []);
    if (there.length === 0) throw error;
  }
}
