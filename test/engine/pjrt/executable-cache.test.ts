import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExecutableCache } from '../../../src/engine/pjrt/executable-cache.js';
import { plugin, testClient } from './cpu-plugin.js';

const negation = (name: string): string => `module @${name} {
  func.func public @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.negate %x : tensor<2xf32>
    return %0 : tensor<2xf32>
  }
}`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'executables-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe.skipIf(plugin.path === undefined)(`compiled programs on disk (plugin: ${plugin.reason})`, () => {
  const keep = async (cache: ExecutableCache, name: string): Promise<void> => {
    const client = testClient();
    cache.keep(client, negation(name), {}, await client.compile(negation(name)));
    await cache.settled();
  };

  it('are found by text, options and plugin', async () => {
    const cache = new ExecutableCache(folder);
    const client = testClient();
    expect(cache.find(client, negation('a'), {})).toBeUndefined();
    await keep(cache, 'a');
    const found = cache.find(client, negation('a'), {});
    const x = client.put({ dtype: 'float32', shape: [2] }, Float32Array.of(1, -2));
    expect((await found?.execute([x]))?.[0]?.readSync()).toEqual(Float32Array.of(-1, 2));
    expect(cache.find(client, negation('b'), {})).toBeUndefined();
    expect(cache.find(client, negation('a'), { flags: { xla_cpu_enable_fast_min_max: true } })).toBeUndefined();
    expect(cache.path(client, negation('a'), {})).not.toBe(cache.path(client, negation('a'), { partitions: 2 }));
  });

  it('that are damaged are told, and compiled again', async () => {
    const cache = new ExecutableCache(folder);
    await keep(cache, 'a');
    const path = cache.path(testClient(), negation('a'), {});
    const file = readFileSync(path);
    file[file.length - 1] = (file.at(-1) ?? 0) ^ 1;
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    for (const damaged of [file, file.subarray(0, 30), Buffer.alloc(0)]) {
      writeFileSync(path, damaged);
      expect(cache.find(testClient(), negation('a'), {})).toBeUndefined();
      expect(said).toHaveBeenLastCalledWith(expect.stringMatching(/damaged.*compiled again/));
    }
    await keep(cache, 'a');
    expect(cache.find(testClient(), negation('a'), {})).toBeDefined();
    expect(readdirSync(folder)).toHaveLength(1); // no half files beside
  });

  it('that were not used for longest go first', async () => {
    const cache = new ExecutableCache(folder);
    for (const name of ['a', 'b', 'c']) await keep(cache, name);
    const path = (name: string): string => cache.path(testClient(), negation(name), {});
    utimesSync(path('a'), new Date(3000), new Date(3000));
    utimesSync(path('b'), new Date(1000), new Date(1000));
    utimesSync(path('c'), new Date(2000), new Date(2000));
    await cache.prune(readFileSync(path('a')).length + 1);
    expect(readdirSync(folder)).toEqual([path('a').slice(folder.length + 1)]);
  });
});
