import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readManifest, searchLibrary, setUpLibraryFolder, type Surroundings } from '../../src/engine/library.js';
import { damagedFile, libraryStep, type Wheel, wheelFor } from '../../src/setup/libtensorflow.js';
import { findPython } from '../../src/setup/python.js';
import { script, temporaryFolder } from './fakes.js';

let project: string;
let around: Surroundings;
let wheel: Wheel;
const silent = (): undefined => undefined;
const downloads = (): number => readFileSync(join(project, 'downloads'), 'utf8').length;
const leftovers = (): string[] => readdirSync(dirname(setUpLibraryFolder(around)));

/** A small wheel with the files that count and one that does not, and a pip that "downloads" it. */
beforeEach(async () => {
  project = temporaryFolder();
  around = { environment: { TRAINBOOK_CACHE: join(project, 'cache') }, platform: 'linux', arch: 'x64', home: project };
  const { command } = await findPython();
  const contents = join(project, 'contents', 'tensorflow');
  mkdirSync(join(contents, 'include'), { recursive: true });
  writeFileSync(join(contents, 'libtensorflow_cc.so.2'), 'c'.repeat(300));
  writeFileSync(join(contents, 'libtensorflow_framework.so.2'), 'f'.repeat(20));
  writeFileSync(join(contents, 'include', 'LICENSE'), 'Apache');
  writeFileSync(join(contents, 'THIRD_PARTY_NOTICES.txt'), 'notices');
  writeFileSync(join(contents, 'unwanted.py'), 'import this');
  const path = join(project, 'tensorflow_cpu-2.21.0-test.whl');
  execFileSync(command, ['-m', 'zipfile', '-c', path, 'tensorflow'], { cwd: join(project, 'contents') });
  wheel = {
    package: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
    megabytes: 1,
    keptMegabytes: 1,
  };
  writeFileSync(join(project, 'downloads'), '');
  script(
    join(project, '.venv', 'bin', 'python'),
    `if [ "$1" = -c ]; then exec ${command} "$@"; fi
    if [ -e '${project}/offline' ]; then echo 'ERROR: Could not find a version' >&2; exit 1; fi
    printf x >> '${project}/downloads'
    while [ "$1" != --dest ]; do shift; done
    cp '${path}' "$2"`,
  );
});
afterEach(() => {
  rmSync(project, { recursive: true });
});

describe('libraryStep', () => {
  test('keeps the two files, the licence and a manifest; nothing else is left', async () => {
    const step = libraryStep(project, around, wheel);
    expect(step.isReady()).toBe(false);
    await step.run(silent);
    expect(step.isReady()).toBe(true);
    const folder = setUpLibraryFolder(around);
    expect(readdirSync(folder).sort()).toEqual(
      [
        'LICENSE',
        'THIRD_PARTY_NOTICES.txt',
        'libtensorflow_cc.so.2',
        'libtensorflow_framework.so.2',
        'manifest.json',
      ].sort(),
    );
    expect(leftovers()).toEqual(['2.21.0-linux-x64']);
    expect(searchLibrary(around).library).toMatchObject({ source: 'set-up', version: '2.21.0' });
  });

  test('two set-ups at once download once', async () => {
    await Promise.all([
      libraryStep(project, around, wheel).run(silent),
      libraryStep(project, around, wheel).run(silent),
    ]);
    expect(downloads()).toBe(1);
  });

  test('a wheel that is not the known one is refused and leaves nothing', async () => {
    const other = { ...wheel, sha256: '0'.repeat(64) };
    await expect(libraryStep(project, around, other).run(silent)).rejects.toThrow(
      `received: sha256 ${wheel.sha256}\n  expected: sha256 000`,
    );
    expect(leftovers()).toEqual([]);
  });

  test('without network: pip’s words; the next run goes on', async () => {
    writeFileSync(join(project, 'offline'), '');
    const step = libraryStep(project, around, wheel);
    await expect(step.run(silent)).rejects.toThrow(
      /could not download tensorflow-cpu 2\.21\.0\n {2}received: ERROR: Could not find/,
    );
    rmSync(join(project, 'offline'));
    await step.run(silent);
    expect(step.isReady()).toBe(true);
  });

  test('what a killed set-up left is removed, a lock of a dead process is taken over', async () => {
    const folder = setUpLibraryFolder(around);
    mkdirSync(`${folder}.part-dead`, { recursive: true });
    writeFileSync(`${folder}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, host: (await import('node:os')).hostname() }));
    await libraryStep(project, around, wheel).run(silent);
    expect(leftovers()).toEqual(['2.21.0-linux-x64']);
  });

  test('a changed byte is found', async () => {
    await libraryStep(project, around, wheel).run(silent);
    const folder = setUpLibraryFolder(around);
    const manifest = readManifest(folder);
    if (manifest === undefined) throw new Error('no manifest');
    expect(await damagedFile(folder, manifest)).toBeUndefined();
    const path = join(folder, 'libtensorflow_framework.so.2');
    writeFileSync(path, 'f'.repeat(19) + 'g');
    expect(await damagedFile(folder, manifest)).toBe(path);
  });
});

test('a system without a wheel needs no library and gets no error', () => {
  expect(wheelFor({ platform: 'win32', arch: 'x64' })).toBeUndefined();
  expect(wheelFor({ platform: 'darwin', arch: 'x64' })).toBeUndefined();
  expect(libraryStep(project, { ...around, platform: 'win32' }).isReady()).toBe(true);
  expect(existsSync(join(project, 'cache'))).toBe(false);
});
