import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive, thisProcess, tryLock, withLock } from '../../src/experiment/lock.js';
import { editDistance, nearest } from '../../src/experiment/nearest.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-lock-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('lock', () => {
  it('is held by one at a time', async () => {
    let inside = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await sleep(1);
      inside--;
    };
    await Promise.all(Array.from({ length: 20 }, () => withLock(folder, task)));
    expect(most).toBe(1);
    expect(await readdir(folder)).toHaveLength(1); // no litter
  });

  it('of a dead process is taken over by exactly one', async () => {
    const dead = { owner: { ...thisProcess, started: 'before the last boot' }, id: 'x', released: false };
    await writeFile(join(folder, '1'), JSON.stringify(dead));
    const taken = await Promise.all(Array.from({ length: 10 }, () => tryLock(folder)));
    const releases = taken.filter((release) => release !== undefined);
    expect(releases).toHaveLength(1);
    expect(await tryLock(folder)).toBeUndefined();
    await releases[0]?.();
    const again = await tryLock(folder);
    expect(again).toBeDefined();
    await again?.();
  });

  it('knows the living from the dead', () => {
    expect(isAlive(thisProcess, 0)).toBe(true);
    expect(isAlive({ ...thisProcess, started: 'other' }, Date.now())).toBe(false); // its number was given to another
    expect(isAlive({ ...thisProcess, pid: 2 ** 22 + 1 }, Date.now())).toBe(false);
    expect(isAlive({ ...thisProcess, host: 'elsewhere' }, Date.now())).toBe(true);
    expect(isAlive({ ...thisProcess, host: 'elsewhere' }, Date.now() - 11 * 60_000)).toBe(false);
  });
});

describe('nearest', () => {
  it('counts insertions, deletions, replacements and swaps', () => {
    expect(editDistance('steps', 'steps')).toBe(0);
    expect(editDistance('step', 'steps')).toBe(1);
    expect(editDistance('setps', 'steps')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3); // Levenshtein's own example
    expect(editDistance('', 'abc')).toBe(3);
  });

  it('gives nothing when nothing is near', () => {
    expect(nearest('learning_rate', ['steps', 'learningRate'])).toBe('learningRate');
    expect(nearest('zzz', ['steps', 'width'])).toBeUndefined();
  });
});
