import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPython } from '../../src/setup/python.js';
import { fakePython, temporaryFolder } from './fakes.js';

let root: string;
/** A path with the fakes and the shell's own programs, but without any real Python. */
const environment = (): Record<string, string> => ({ PATH: join(root, 'bin') });
const python = (name: string, version: string, hasVenv = true): string =>
  fakePython(join(root, 'bin', name), version, hasVenv);

beforeEach(() => {
  root = temporaryFolder();
  mkdirSync(join(root, 'bin'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

test('no Python: says what to install', async () => {
  await expect(findPython(environment())).rejects.toThrow(
    /no Python found\n {2}received: none of python3.*\n {2}expected: Python 3\.10 or later.*\n {2}to fix: .*apt install python3/,
  );
});

test('an old Python is named with its version', async () => {
  python('python3', '3.9.18');
  await expect(findPython(environment())).rejects.toThrow(/too old\n {2}received: python3 3\.9\.18\n/);
});

test('a Python without venv: says which package has it', async () => {
  python('python3', '3.11.2', false);
  await expect(findPython(environment())).rejects.toThrow(
    /received: python3 3\.11\.2 without venv\n.*\n.*apt install python3-venv/,
  );
});

test('passes over old Pythons and those without venv', async () => {
  python('python3', '3.9.18');
  python('python', '3.10.1', false);
  python('python3.12', '3.12.4');
  expect(await findPython(environment())).toEqual({ command: 'python3.12', version: '3.12.4' });
});

test('3.10 is later than 3.9, and 4.0 than 3.10', async () => {
  python('python3', '3.10.0');
  expect((await findPython(environment())).version).toBe('3.10.0');
  python('python3', '4.0.0');
  expect((await findPython(environment())).version).toBe('4.0.0');
});

test('TRAINBOOK_PYTHON is the only one asked', async () => {
  python('python3', '3.12.0');
  const named = fakePython(join(root, 'my own python'), '3.13.1', true);
  expect(await findPython({ ...environment(), TRAINBOOK_PYTHON: named })).toEqual({
    command: named,
    version: '3.13.1',
  });
  await expect(findPython({ ...environment(), TRAINBOOK_PYTHON: join(root, 'none') })).rejects.toThrow(
    'no Python found',
  );
});
