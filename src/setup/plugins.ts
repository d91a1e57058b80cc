import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findPlugin } from '../engine/pjrt/find-plugin.js';
import { cpuPluginPath, installCpuPlugin } from '../engine/pjrt/plugin.js';
import { surroundings, type Surroundings } from '../engine/library.js';
import { TrainbookError } from '../error.js';
import { hash, writeAtomic } from '../files.js';
import { requireDisk } from './disk.js';
import { environmentFolder, environmentProgram, pipFailed } from './environment.js';
import { lastLines, runProgram } from './program.js';
import { packageRoot } from './project.js';
import type { Step } from './step.js';

/** The releases of CUDA that a plugin is for. */
export type Cuda = 'cuda12' | 'cuda13';

/** What the plugin and NVIDIA's libraries take in `.venv` (10⁶ bytes), with room for pip's work. */
const neededMegabytes: Readonly<Record<Cuda, number>> = { cuda12: 9000, cuda13: 8000 };

/** Written last: the packages of this stamp are all there. */
const stampPath = (project: string): string => join(environmentFolder(project), 'trainbook-cuda-stamp');

const requirementsPath = (cuda: Cuda): string => join(packageRoot, `requirements-${cuda}.txt`);

/** pip's arguments that install the plugin; `--no-deps`, since JAX itself is not needed: the file names all that is. */
export function pipArguments(cuda: Cuda): string[] {
  return [
    ...['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '-q'],
    ...['--no-deps', '--only-binary=:all:', '-r', requirementsPath(cuda)],
  ];
}

/** The PJRT plugin for NVIDIA's GPUs with the libraries of CUDA that it was tested with, in `.venv`. The driver is the system's. */
export function cudaStep(project: string, cuda: Cuda, around: Surroundings = surroundings()): Step {
  const wanted = hash(readFileSync(requirementsPath(cuda)));
  return {
    name: cuda === 'cuda12' ? 'CUDA 12 plugin' : 'CUDA 13 plugin',
    path: dirname(findPlugin('cuda', around, project)?.path ?? environmentFolder(project)),
    isReady: () => existsSync(stampPath(project)) && readFileSync(stampPath(project), 'utf8') === wanted,
    run: async (say) => {
      if (around.platform !== 'linux') {
        throw new TrainbookError({
          what: 'set-up: the CUDA plugin exists for Linux only',
          received: `${around.platform} ${around.arch}`,
          expected: 'Linux x64 or arm64 with an NVIDIA GPU',
          fix: 'on Windows, use WSL 2',
        });
      }
      requireDisk('the CUDA plugin', project, neededMegabytes[cuda]);
      say(`pip install -r requirements-${cuda}.txt (the plugin and NVIDIA's libraries; some minutes)`);
      const pip = await runProgram(environmentProgram(project, 'python'), pipArguments(cuda));
      if (pip.code !== 0) throw pipFailed('could not install the CUDA plugin', lastLines(pip));
      await writeAtomic(stampPath(project), wanted);
    },
  };
}

/** The PJRT plugin for the CPU, in the user's cache folder: to try what is for devices without one. */
export function cpuPluginStep(around: Surroundings = surroundings()): Step {
  return {
    name: 'CPU plugin',
    path: cpuPluginPath(around),
    isReady: () => existsSync(cpuPluginPath(around)),
    run: async (say) => {
      say('fetching the CPU plugin (61 MB, 260 MB unpacked)');
      await installCpuPlugin(around);
    },
  };
}
