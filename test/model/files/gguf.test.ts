import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { bytesSource } from '../../../src/model/files/byte-source.js';
import { ggufFrom, openGguf } from '../../../src/model/files/gguf.js';
import { openWeights } from '../../../src/model/files/open-weights.js';
import { float32Elements } from '../../../src/model/files/stored-tensor.js';
import { contents, expected, fixture, tensorOf } from './expected.js';

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const pair = (key: string, type: number, value: Buffer): Buffer => Buffer.concat([text(key), u32(type), value]);
const tensor = (name: string, shape: (number | bigint)[], type: number, offset: number): Buffer =>
  Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]);

/** A file of the given pairs and tensors, padded, and then so many bytes. */
function file(pairs: Buffer[], tensors: Buffer[], numBytes: number, version = 3): Buffer {
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(tensors.length),
    u64(pairs.length),
    ...pairs,
    ...tensors,
  ]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.length % 32)) % 32), Buffer.alloc(numBytes)]);
}

describe('GGUF', () => {
  it('has metadata of every type', async () => {
    const opened = await openGguf(fixture('every.gguf'));
    expect(Object.fromEntries(opened.metadata)).toEqual({
      'general.architecture': 'llama',
      'v.u8': 200,
      'v.i8': -100,
      'v.u16': 60000,
      'v.i16': -30000,
      'v.u32': 4_000_000_000,
      'v.i32': -2_000_000_000,
      'v.f32': 0.5,
      'v.bool': true,
      'v.string': '模型',
      'v.u64': 2n ** 63n,
      'v.i64': -5,
      'v.f64': 0.1,
      'v.strings': ['a', '', '词'],
      'v.numbers': [1, 2, 3],
      'v.floats': [0.5, -1.5],
      'general.alignment': 64,
    });
    await opened.close();
  });

  it('is dequantised to the bit as by the gguf package', async () => {
    const opened = await openWeights(fixture('every.gguf'));
    for (const [name, { shape, elements }] of Object.entries(expected.gguf)) {
      const entry = opened.tensors.get(name.toLowerCase());
      expect([entry?.dtype, entry?.storedAs, entry?.shape]).toEqual(['F32', name, shape]);
      expect((await entry?.read())?.elements).toEqual(Float32Array.from(elements));
    }
    await opened.close();
  });

  it('has plain tensors too, in the order of axes of PyTorch', async () => {
    const all = await contents(await openGguf(fixture('every.gguf')));
    expect(all).toMatchObject({
      f32: { dtype: 'float32', shape: [2, 3], elements: [0, 1, 2, 3, 4, 5] },
      f16: { dtype: 'float16', shape: [1, 3], elements: [0x3c00, 0xc000, 1] },
      bf16: { dtype: 'bfloat16', shape: [1, 2], elements: [0x3f80, 0xc000] },
      f64: { dtype: 'float64', elements: [0.1] },
      i64: { dtype: 'int64', elements: ['-1', String(2 ** 40)] },
      i32: { dtype: 'int32', elements: [-1, 5] },
      i16: { dtype: 'int16', elements: [-1, 5] },
      i8: { dtype: 'int8', elements: [-1, 5] },
    });
    const opened = await openGguf(fixture('every.gguf'));
    const numbers = async (name: string): Promise<number[]> => [...float32Elements(await tensorOf(opened, name))];
    expect(await numbers('bf16')).toEqual([1, -2]);
    expect(await numbers('f16')).toEqual([1, -2, 2 ** -24]);
    expect(await numbers('f64')).toEqual([Math.fround(0.1)]);
    await expect(numbers('i32')).rejects.toThrow('no floating-point numbers');
    await opened.close();
    await expect(numbers('f32')).rejects.toThrow(TrainbookError);
  });

  it('of version 2 is the same', async () => {
    const opened = await ggufFrom(bytesSource(file([], [tensor('a', [2], 0, 0)], 8, 2), 'x.gguf'));
    expect(await contents(opened)).toEqual({ a: { dtype: 'float32', shape: [2], elements: [0, 0] } });
  });

  const string = text('x');
  it.each<[string, Buffer, RegExp]>([
    ['other files', Buffer.from('GGML and more'), /does not begin with GGUF/],
    ['version 1', file([], [], 0, 1), /version or byte order/],
    ['big-endian files', file([], [], 0, 0x03000000), /version or byte order/],
    ['a key twice', file([pair('a', 8, string), pair('a', 8, string)], [], 0), /has a twice/],
    ['an unknown type of value', file([pair('a', 13, string)], [], 0), /unknown type/],
    ['a truth value of 2', file([pair('a', 7, Buffer.of(2))], [], 0), /neither 0 nor 1/],
    ['no UTF-8', file([pair('a', 8, Buffer.concat([u64(1), Buffer.of(255)]))], [], 0), /not UTF-8/],
    ['a huge text', file([pair('a', 8, u64(2n ** 62n))], [], 0), /impossible number/],
    ['a huge array', file([pair('a', 9, Buffer.concat([u32(0), u64(1e9)]))], [], 0), /arrays are too long/],
    [
      'arrays in arrays',
      file([pair('a', 9, Buffer.concat(Array.from({ length: 9 }, () => [u32(9), u64(1)]).flat()))], [], 0),
      /too deep/,
    ],
    ['an odd alignment', file([pair('general.alignment', 4, u32(48))], [], 0), /alignment/],
    ['an alignment of text', file([pair('general.alignment', 8, text('32'))], [], 0), /alignment/],
    ['a huge count', Buffer.concat([Buffer.from('GGUF'), u32(3), u64(2 ** 50), u64(0)]), /cut off/],
    ['five axes', file([], [tensor('a', [1, 1, 1, 1, 1], 0, 0)], 4), /too many axes/],
    ['a huge shape', file([], [tensor('a', [2 ** 40, 2 ** 40], 0, 0)], 4), /impossible shape/],
    ['a tensor twice', file([], [tensor('a', [8], 0, 0), tensor('a', [8], 0, 32)], 64), /tensor twice/],
    ['an overlap', file([], [tensor('a', [8], 0, 0), tensor('b', [8], 0, 0)], 64), /b does not begin/],
    ['a gap', file([], [tensor('a', [8], 0, 32)], 64), /a does not begin/],
    ['a tensor out of range', file([], [tensor('a', [16], 0, 0)], 32), /a is cut off/],
    ['bytes of nothing', file([], [tensor('a', [8], 0, 0)], 64), /belong to no tensor/],
    ['half a block', file([], [tensor('a', [16, 2], 8, 0)], 64), /no whole blocks/],
    ['an unknown type of tensor', file([], [tensor('a', [32], 77, 0)], 64), /stored as type 77/],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(ggufFrom(bytesSource(bytes, 'x.gguf'))).rejects.toThrow(TrainbookError);
    await expect(ggufFrom(bytesSource(bytes, 'x.gguf'))).rejects.toThrow(message);
  });

  it('names the type that it does not read', async () => {
    await expect(openGguf(fixture('refused.gguf'))).rejects.toThrow(/blk\.0\.weight is stored as Q5_K/);
  });
});
