import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashFile } from '../../../src/files.js';
import { TrainbookError } from '../../../src/error.js';
import {
  openSafetensors,
  parseSafetensors,
  readSafetensors,
  safetensorsParts,
  writeSafetensors,
} from '../../../src/model/files/safetensors.js';
import type { Safetensors, StoredTensor } from '../../../src/model/files/safetensors.js';
import { contents, expected, fixture } from './expected.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The same tensors that fixtures/small.py gave to the reference package. */
const small: Safetensors = {
  tensors: new Map<string, StoredTensor>([
    ['a', { shape: [2, 3], elements: Float32Array.of(0, 1, 2, 3, 4, 5) }],
    ['b.c', { shape: [], elements: Int32Array.of(-7) }],
    ['空', { shape: [0, 4], elements: new Float32Array(0) }],
  ]),
  metadata: { format: 'pt', 名: '值' },
};
const reference = new URL('fixtures/small.safetensors', import.meta.url).pathname;

const file = (header: unknown, numBytes: number): Uint8Array => {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(numBytes)]);
};

const withByte = (bytes: Uint8Array, at: number, value: number): Uint8Array =>
  bytes.map((byte, index) => (index === at ? value : byte));

describe('safetensors', () => {
  it('reads what the reference package wrote', async () => {
    expect(await readSafetensors(reference)).toEqual(small);
  });

  it('reads every dtype the package writes and this reader knows', async () => {
    const { tensors } = await readSafetensors(new URL('fixtures/dtypes.safetensors', import.meta.url).pathname);
    expect(Object.fromEntries([...tensors].map(([name, { elements }]) => [name, elements]))).toEqual({
      f32: Float32Array.of(0.5, -2),
      f64: Float64Array.of(0.1, 1e300),
      i32: Int32Array.of(-1, 2 ** 31 - 1),
      i64: BigInt64Array.of(-1n, 2n ** 62n),
      u8: Uint8Array.of(0, 255),
    });
  });

  it('reads every dtype, halves as words, one tensor at a time', async () => {
    const file = await openSafetensors(fixture('every.safetensors'));
    expect([...file.metadata]).toEqual([['format', 'pt']]);
    const { elements, ...rest } = (await file.tensors.get('f16')?.read()) ?? {};
    expect([elements, rest]).toEqual([Uint16Array.of(0x3c00, 0xc000, 0x7bff, 1), { dtype: 'F16', shape: [4] }]);
    expect(await contents(file)).toEqual(expected.every);
    await expect(file.tensors.get('f32')?.read()).rejects.toThrow(TrainbookError); // closed
    const bytes = await readFile(fixture('every.safetensors'));
    expect(parseSafetensors(bytes, 'every')).toEqual(await readSafetensors(fixture('every.safetensors')));
  });

  it('writes every dtype back; a dtype that the array leaves open must be given', async () => {
    const path = join(folder, 'every.safetensors');
    await writeSafetensors(path, await readSafetensors(fixture('every.safetensors')));
    expect(await contents(await openSafetensors(path))).toEqual(expected.every);
    const written = (tensor: StoredTensor, name = 'a'): unknown =>
      safetensorsParts({ tensors: new Map([[name, tensor]]), metadata: {} });
    expect(() => written({ shape: [1], elements: Uint16Array.of(1) })).toThrow(/F16 or BF16/);
    expect(() => written({ shape: [1], elements: Float32Array.of(1), dtype: 'F16' })).toThrow(/does not fit/);
    expect(() => written({ shape: [2], elements: Float32Array.of(1) })).toThrow(/\[2\] and 1 elements/);
    expect(() => written({ shape: [1], elements: Float32Array.of(1) }, '__metadata__')).toThrow(TrainbookError);
    // @ts-expect-error A dtype with an array of its own is not given beside it.
    expect(() => written({ shape: [1], elements: Float32Array.of(1), dtype: 'I32' })).toThrow(/does not fit/);
  });

  it('refuses to read a file that has become shorter, and what is no file', async () => {
    const path = join(folder, 'short.safetensors');
    await writeSafetensors(path, small);
    const file = await openSafetensors(path);
    await truncate(path, 100);
    await expect(file.tensors.get('a')?.read()).rejects.toThrow(/become shorter/);
    await file.close();
    await expect(openSafetensors(folder)).rejects.toThrow(/not a file/);
    await rm(path);
  });

  it('writes a file, whole or not at all, and knows its hash; equal contents give equal bytes', async () => {
    const path = join(folder, '模型.safetensors');
    expect(await writeSafetensors(path, small)).toBe(await hashFile(path));
    expect(await readSafetensors(path)).toEqual(small);
    const reversed = { tensors: new Map([...small.tensors].reverse()), metadata: { 名: '值', format: 'pt' } };
    expect(Buffer.concat(safetensorsParts(reversed)).equals(await readFile(path))).toBe(true);
    await expect(writeSafetensors(join(folder, 'no', 'such', 'x'), small)).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name.includes('tmp') || name.includes('模'))).toEqual([
      '模型.safetensors',
    ]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['no header', new Uint8Array(5), /ends before its header/],
    ['a header longer than the file', withByte(file('{}', 0), 0, 200), /claims 200 bytes/],
    ['a huge header', withByte(file('{}', 0), 7, 1), /claims \d+ bytes/],
    ['no JSON', file('{"a":', 0), /not JSON/],
    ['no object', file('[1]', 0), /not an object/],
    ['a number as metadata', file({ __metadata__: { a: 1 } }, 0), /metadata is not text/],
    ['a negative size', file({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4), /malformed/],
    ['an unknown dtype', file({ a: { dtype: 'F7', shape: [1], data_offsets: [0, 4] } }, 4), /dtype F7/],
    ['a wrong length', file({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4), /has 4 bytes/],
    ['a gap', file({ a: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, 8), /begins at 4/],
    [
      'an overlap',
      file(
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
        },
        8,
      ),
      /b begins at 4/,
    ],
    ['missing data', file({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 4), /ends at 8 of 4/],
    ['data of nothing', file({}, 4), /belong to no tensor/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow(TrainbookError);
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow(message);
  });

  it('a file cut anywhere is refused, and noise never crashes the reader', () => {
    const whole = Buffer.concat(safetensorsParts(small));
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSafetensors(whole.subarray(0, length), 'cut')).toThrow(TrainbookError);
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat(whole.length - 1), (noise, at) => {
        const damaged = Buffer.from(whole);
        damaged.set(noise.subarray(0, whole.length - at), at);
        try {
          parseSafetensors(damaged, 'noise');
        } catch (error) {
          expect(error).toBeInstanceOf(TrainbookError);
        }
      }),
    );
  });
});
