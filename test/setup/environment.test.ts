import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requireDisk } from '../../src/setup/disk.js';
import { environmentStep } from '../../src/setup/environment.js';
import { setUp } from '../../src/setup/step.js';
import { fakePython, script, temporaryFolder } from './fakes.js';

let project: string;
let said: string[];
const venv = (...parts: string[]): string => join(project, '.venv', ...parts);
const run = (): Promise<void> => setUp([environmentStep(project)], (line) => said.push(line));
/** pip install works unless the file `offline` lies in the project. */
const environmentPython = (): string =>
  `if [ "$3" = install ] && [ -e '${project}/offline' ]; then echo 'ERROR: No matching distribution found' >&2; exit 1; fi`;

beforeEach(() => {
  project = temporaryFolder();
  said = [];
  process.env['TRAINBOOK_PYTHON'] = fakePython(join(project, 'python'), '3.12.0', true, environmentPython());
});
afterEach(() => {
  delete process.env['TRAINBOOK_PYTHON'];
  rmSync(project, { recursive: true });
});

describe('environmentStep', () => {
  test('makes the environment once and says what it does and takes', async () => {
    await run();
    expect(said.join('\n')).toMatch(
      /Python environment: setting up[^]*-m venv[^]*pip install[^]*ready in .* MB on disk/,
    );
    expect(existsSync(venv('trainbook-unfinished'))).toBe(false);
    said = [];
    await run();
    expect(said).toEqual([]);
  });

  test('without network: one error with pip’s words; the next run goes on', async () => {
    writeFileSync(join(project, 'offline'), '');
    await expect(run()).rejects.toThrow(/received: ERROR: No matching distribution[^]*to fix: check the network/);
    expect(environmentStep(project).isReady()).toBe(false);
    rmSync(join(project, 'offline'));
    await run();
    expect(environmentStep(project).isReady()).toBe(true);
  });

  test('an environment that was cut off while it was made is made again', async () => {
    mkdirSync(venv('bin'), { recursive: true });
    writeFileSync(venv('bin', 'python'), 'half a file');
    await run();
    expect(said.join('\n')).toContain('half-made');
    expect(environmentStep(project).isReady()).toBe(true);
  });

  test('an environment of the user’s own that works is kept', async () => {
    script(venv('bin', 'python'), 'exit 0');
    writeFileSync(venv('mine'), 'kept');
    await run();
    expect(readFileSync(venv('mine'), 'utf8')).toBe('kept');
  });

  test('a Python that cannot make environments stops the set-up', async () => {
    process.env['TRAINBOOK_PYTHON'] = script(
      join(project, 'broken'),
      'if [ "$1" = -c ]; then echo "3.12.0 True"; else echo "ensurepip failed" >&2; exit 1; fi',
    );
    await expect(run()).rejects.toThrow(
      /could not make the virtual environment\n {2}received: ensurepip failed\n[^]*python3-venv/,
    );
  });
});

test('a full disk stops before the download', () => {
  expect(() => {
    requireDisk('libtensorflow', project, 1228, 700);
  }).toThrow(
    /not enough disk for libtensorflow\n {2}received: 700 MB free at .*\n {2}expected: 1228 MB\n {2}to fix: free some disk/,
  );
  expect(() => {
    requireDisk('libtensorflow', join(project, 'not', 'yet', 'there'), 0);
  }).not.toThrow();
});
