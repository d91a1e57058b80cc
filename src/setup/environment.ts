import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../error.js';
import { hash, writeAtomic } from '../files.js';
import { requireDisk } from './disk.js';
import { lastLines, runProgram } from './program.js';
import { packageRoot } from './project.js';
import { findPython } from './python.js';
import type { Say, Step } from './step.js';

/** What `.venv` takes with JupyterLab and Plotly (measured on Linux: 330 MB), with room for pip's work. */
const neededMegabytes = 500;

/** The folder of the Python environment of a project. */
export function environmentFolder(project: string): string {
  return join(project, '.venv');
}

/** A program of the environment, such as `jupyter`. */
export function environmentProgram(project: string, name: string): string {
  const folder = environmentFolder(project);
  return process.platform === 'win32' ? join(folder, 'Scripts', `${name}.exe`) : join(folder, 'bin', name);
}

/** Written last: an environment with the stamp of the present requirements.txt is whole. */
const stampPath = (project: string): string => join(environmentFolder(project), 'trainbook-stamp');
/** Written first and removed last: an environment with this mark was ours and was interrupted. */
const unfinishedPath = (project: string): string => join(environmentFolder(project), 'trainbook-unfinished');

const requirementsPath = join(packageRoot, 'requirements.txt');

/** The Python environment `.venv` with JupyterLab, the Plotly renderer and nbclient. */
export function environmentStep(project: string): Step {
  const wanted = hash(readFileSync(requirementsPath));
  return {
    name: 'Python environment',
    path: environmentFolder(project),
    isReady: () => existsSync(stampPath(project)) && readFileSync(stampPath(project), 'utf8') === wanted,
    run: async (say) => {
      requireDisk('the Python environment', project, neededMegabytes);
      await makeEnvironment(project, say);
      say('pip install -r requirements.txt (JupyterLab, Plotly, nbclient; about a minute)');
      const pip = await runProgram(environmentProgram(project, 'python'), [
        ...['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '-q'],
        ...['-r', requirementsPath],
      ]);
      if (pip.code !== 0) throw pipFailed('could not install JupyterLab', lastLines(pip));
      await writeAtomic(stampPath(project), wanted);
      await rm(unfinishedPath(project), { force: true });
    },
  };
}

/** Makes `.venv`. One whose Python does not run, or that we left half-made, is made again; a user's own is kept. */
async function makeEnvironment(project: string, say: Say): Promise<void> {
  const folder = environmentFolder(project);
  if (existsSync(folder)) {
    const works = (await runProgram(environmentProgram(project, 'python'), ['-m', 'pip', '--version'])).code === 0;
    if (works && !existsSync(unfinishedPath(project))) return;
    say(`${folder} is half-made: making it again`);
    await rm(folder, { recursive: true, force: true });
  }
  const python = await findPython();
  say(`${python.command} -m venv .venv (Python ${python.version})`);
  await mkdir(folder, { recursive: true });
  await writeFile(unfinishedPath(project), '');
  const made = await runProgram(python.command, ['-m', 'venv', folder]);
  if (made.code === 0) return;
  throw new TrainbookError({
    what: 'set-up: Python could not make the virtual environment',
    received: lastLines(made),
    expected: `${python.command} -m venv ${folder} to succeed`,
    fix: 'Debian and Ubuntu: sudo apt install python3-venv; then run the same command again',
  });
}

/** pip's own words, and what to do about them. */
export function pipFailed(what: string, received: string): TrainbookError {
  const noSpace = /No space left/i.test(received);
  return new TrainbookError({
    what: `set-up: pip ${what}`,
    received,
    expected: noSpace ? 'free disk' : 'the Python package index to answer',
    fix: noSpace
      ? 'free some disk, then run the same command again'
      : 'check the network and pip’s settings (.venv/bin/python -m pip config list), then run the same command again',
  });
}
