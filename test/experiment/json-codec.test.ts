import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Codec } from '../../src/files.js';
import { jsonCodec } from '../../src/experiment/json-codec.js';

class Word {
  constructor(readonly text: string) {}
}
const wordCodec: Codec<Word> = {
  kind: 'word',
  is: (value): value is Word => value instanceof Word,
  write: (word, folder) => writeFile(join(folder, 'word.txt'), word.text),
  read: async (folder) => new Word(await readFile(join(folder, 'word.txt'), 'utf8')),
  summarise: (word) => ({ title: 'Word', facts: { text: word.text } }),
};
const codec = jsonCodec([wordCodec]);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-json-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function roundTrip(value: unknown): Promise<unknown> {
  await codec.write(value, folder);
  return codec.read(folder);
}

describe('jsonCodec', () => {
  it('keeps what JSON cannot', async () => {
    const value = {
      numbers: [Number.NaN, Infinity, -Infinity, -0],
      nothing: undefined,
      big: 2n ** 70n,
      date: new Date(12345),
      arrays: [Float32Array.of(1.5, Number.NaN), BigInt64Array.of(-1n), new Uint8Array()],
      part: new Uint16Array([1, 2, 3, 4]).subarray(1, 3),
      words: { first: new Word('语料'), second: new Word('b') },
      looksLikeOurs: { $array: 0, type: 'Float32Array' },
    };
    expect(await roundTrip(value)).toEqual(value);
  });

  it('property: any plain value comes back equal', async () => {
    const anything = fc.object({
      withBigInt: true,
      withTypedArray: true,
      withDate: true,
      key: fc.constantFrom('a', '$array', '$object', '1'),
    });
    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        fc.pre(
          !JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? '' : item)).includes('null'),
        );
        expect(await roundTrip(value)).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what cannot be kept, and says where it is', async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    await expect(roundTrip({ a: [1, () => 1] })).rejects.toThrow('a[1] is a function');
    await expect(roundTrip({ map: new Map() })).rejects.toThrow('map is an instance of Map');
    await expect(roundTrip(circle)).rejects.toThrow('self is a value that contains itself');
  });
});
