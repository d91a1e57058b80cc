import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  cacheFolder,
  findLibrary,
  libraryFiles,
  searchLibrary,
  setUpLibraryFolder,
  type Surroundings,
} from '../../src/engine/library.js';

let root: string;
const around = (environment: Record<string, string>, platform: NodeJS.Platform = 'linux'): Surroundings => ({
  environment,
  platform,
  arch: 'x64',
  home: join(root, 'home'),
});

/** A folder with files of the library's names; the contents do not matter to the search. */
function fakeLibrary(folder: string, platform: NodeJS.Platform = 'linux'): string {
  mkdirSync(folder, { recursive: true });
  const names = libraryFiles(platform);
  if (names === undefined) throw new Error(`no names for ${platform}`);
  writeFileSync(join(folder, names.cc), '123');
  writeFileSync(join(folder, names.framework), '12345');
  return folder;
}

function writeManifest(folder: string, ccBytes: number): void {
  const files = [
    { name: 'libtensorflow_cc.so.2', bytes: ccBytes, sha256: 'a' },
    { name: 'libtensorflow_framework.so.2', bytes: 5, sha256: 'b' },
  ];
  const manifest = { format: 1, version: '2.21.0', wheel: { name: 'w.whl', sha256: 'c' }, files };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trainbook 库 '));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

describe('cacheFolder', () => {
  test('follows each system and TRAINBOOK_CACHE', () => {
    expect(cacheFolder(around({}))).toBe(join(root, 'home', '.cache', 'trainbook'));
    expect(cacheFolder(around({ XDG_CACHE_HOME: '/c' }))).toBe(join('/c', 'trainbook'));
    expect(cacheFolder(around({ XDG_CACHE_HOME: '' }))).toBe(join(root, 'home', '.cache', 'trainbook'));
    expect(cacheFolder(around({}, 'darwin'))).toBe(join(root, 'home', 'Library', 'Caches', 'trainbook'));
    expect(cacheFolder(around({ LOCALAPPDATA: '/l' }, 'win32'))).toBe(join('/l', 'trainbook'));
    expect(cacheFolder(around({ TRAINBOOK_CACHE: '/mine', XDG_CACHE_HOME: '/c' }))).toBe('/mine');
  });
});

describe('searchLibrary', () => {
  test('takes the folder that TRAINBOOK_LIBTENSORFLOW names, and the tensorflow folder inside it', () => {
    const folder = fakeLibrary(join(root, 'wheel', 'tensorflow'));
    for (const named of [folder, join(root, 'wheel')]) {
      const library = findLibrary(around({ TRAINBOOK_LIBTENSORFLOW: named }));
      expect(library).toEqual({
        folder,
        cc: join(folder, 'libtensorflow_cc.so.2'),
        framework: join(folder, 'libtensorflow_framework.so.2'),
        source: 'TRAINBOOK_LIBTENSORFLOW',
      });
    }
  });

  test('macOS has its own file names', () => {
    const folder = fakeLibrary(join(root, 'mac'), 'darwin');
    expect(findLibrary(around({ TRAINBOOK_LIBTENSORFLOW: folder }, 'darwin'))?.cc).toBe(
      join(folder, 'libtensorflow_cc.2.dylib'),
    );
  });

  test('says why a named folder was rejected and goes on to the next place', () => {
    const broken = fakeLibrary(join(root, 'broken'));
    rmSync(join(broken, 'libtensorflow_framework.so.2'));
    const environment = { TRAINBOOK_LIBTENSORFLOW: broken, VIRTUAL_ENV: join(root, 'env') };
    const site = join(root, 'env', 'lib', 'python3.12', 'site-packages');
    const folder = fakeLibrary(join(site, 'tensorflow'));
    mkdirSync(join(site, 'tensorflow_cpu-2.20.0.dist-info'));
    const { library, rejected } = searchLibrary(around(environment));
    expect(library).toMatchObject({ folder, source: 'python environment', version: '2.20.0' });
    expect(rejected).toEqual([
      {
        source: 'TRAINBOOK_LIBTENSORFLOW',
        folder: broken,
        reason: `${join(broken, 'libtensorflow_framework.so.2')} is missing`,
      },
      { source: 'set-up', folder: setUpLibraryFolder(around({})), reason: 'not set up yet' },
    ]);
  });

  test('the library of the set-up counts only with its manifest and at its full size', () => {
    const here = around({});
    const folder = fakeLibrary(setUpLibraryFolder(here));
    expect(searchLibrary(here).rejected[0]?.reason).toContain('did not finish');
    writeManifest(folder, 4);
    expect(searchLibrary(here).rejected[0]?.reason).toContain('should have 4 bytes');
    writeManifest(folder, 3);
    expect(searchLibrary(here)).toMatchObject({ library: { source: 'set-up', version: '2.21.0' }, rejected: [] });
  });

  test('a system without the library is told so', () => {
    const { library, rejected } = searchLibrary(around({}, 'win32'));
    expect(library).toBeUndefined();
    expect(rejected[0]?.reason).toContain('win32');
  });
});
