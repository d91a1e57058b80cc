import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkOneTfjs, tfjsCoreOf } from '../../src/engine/one-tfjs.js';

let root: string;

/** `node_modules` with a tfjs and its tfjs-core, as npm lays them out. */
function install(folder: string, version: string): string {
  for (const name of ['tfjs', 'tfjs-core']) {
    const target = join(folder, 'node_modules', '@tensorflow', name);
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'package.json'), JSON.stringify({ name: `@tensorflow/${name}`, version }));
  }
  return realpathSync(join(folder, 'node_modules', '@tensorflow', 'tfjs-core'));
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trainbook tfjs '));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

test('one copy above both is fine, and so is a project without tfjs', () => {
  const core = install(root, '4.22.0');
  const own = join(root, 'node_modules', 'trainbook', 'dist');
  mkdirSync(own, { recursive: true });
  expect(tfjsCoreOf(root)).toEqual({ folder: core, version: '4.22.0' });
  expect(tfjsCoreOf(own)).toEqual({ folder: core, version: '4.22.0' });
  checkOneTfjs(root, own);
  checkOneTfjs(mkdtempSync(join(root, 'empty-')), own);
});

test('a link to the same copy is the same copy', () => {
  install(root, '4.22.0');
  const project = join(root, 'project');
  mkdirSync(project);
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  checkOneTfjs(project, root);
});

test('a second copy is named with both versions and folders, even of the same version', () => {
  const theirs = install(root, '4.10.0');
  const own = join(root, 'node_modules', 'trainbook');
  const ours = install(own, '4.22.0');
  expect(() => {
    checkOneTfjs(root, own);
  }).toThrow(`received: 4.10.0 in ${theirs}, 4.22.0 in ${ours}\n`);
  install(root, '4.22.0');
  expect(() => {
    checkOneTfjs(root, own);
  }).toThrow('to fix: npm install @tensorflow/tfjs@4.22.0 && npm dedupe');
});
