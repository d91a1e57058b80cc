import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { bytesSource } from '../../../src/model/files/byte-source.js';
import type { ByteSource } from '../../../src/model/files/byte-source.js';
import { ggufFrom } from '../../../src/model/files/gguf.js';
import { pytorchFrom } from '../../../src/model/files/pytorch.js';
import { parseSafetensors, safetensorsFrom } from '../../../src/model/files/safetensors.js';
import type { TensorFile } from '../../../src/model/files/stored-tensor.js';
import { contents, fixture } from './expected.js';

type Read = (source: ByteSource) => Promise<TensorFile>;
const readers: [string, Read, string][] = [
  ['safetensors', safetensorsFrom, 'every.safetensors'],
  ['GGUF', ggufFrom, 'every.gguf'],
  ['PyTorch', pytorchFrom, 'sharded-bin/pytorch_model-00002-of-00005.bin'],
  ['PyTorch, legacy', pytorchFrom, 'legacy.pth'],
];

/** Every tensor read, or the refusal. Any other error, and any tensor that the bytes cannot stand for, is a failure. */
async function outcome(read: Read, bytes: Uint8Array): Promise<unknown> {
  try {
    const file = await read(bytesSource(bytes, 'hostile'));
    for (const { shape } of file.tensors.values()) {
      // A block of 144 bytes stands for 256 elements, a byte else for one at most.
      const elements = shape.reduce((product, size) => product * size, 1);
      if (!(elements <= 2 * bytes.length)) throw new Error(`${bytes.length} bytes claim [${shape.join(', ')}]`);
    }
    return await contents(file);
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    return 'refused';
  }
}

describe.each(readers)('a hostile file of %s', (_, read, name) => {
  it('cut off anywhere in its tensors or before is refused', async () => {
    const whole = new Uint8Array(await readFile(fixture(name)));
    const all = await outcome(read, whole);
    expect(all).not.toBe('refused');
    for (let length = 0; length < whole.length; length++) {
      const cut = await outcome(read, whole.subarray(0, length));
      if (cut === 'refused') continue;
      // Only the padding behind GGUF's last tensor may be missing.
      expect([length, read, cut]).toEqual([length, ggufFrom, all]);
      expect(whole.length - length).toBeLessThan(64);
    }
  });

  it('with more bytes behind its end is refused', async () => {
    const whole = await readFile(fixture(name));
    expect(await outcome(read, new Uint8Array([...whole, ...new Uint8Array(100)]))).toBe('refused');
  });

  it('with any byte changed is read or refused', async () => {
    const whole = new Uint8Array(await readFile(fixture(name)));
    let numRefused = 0;
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ ([1, 0x80, 0xff][at % 3] ?? 0);
      if ((await outcome(read, damaged)) === 'refused') numRefused++;
    }
    expect(numRefused).toBeGreaterThan(100);
  });

  it('with any bytes written over, taken out or put in is read or refused; noise is refused', async () => {
    const whole = await readFile(fixture(name));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.uint8Array({ maxLength: 12 }),
        fc.nat(12),
        async (at, put, numTaken) => {
          const parts = [whole.subarray(0, at), put, whole.subarray(at + numTaken)];
          await outcome(read, new Uint8Array(Buffer.concat(parts)));
        },
      ),
      { numRuns: 500 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
        expect(await outcome(read, noise)).toBe('refused');
        const begun = new Uint8Array(Buffer.concat([whole.subarray(0, noise.length), noise]));
        expect(await outcome(read, begun)).toBe('refused');
      }),
    );
  });
});

describe('hostile safetensors', () => {
  const file = (json: string, numBytes: number): Uint8Array => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
    return new Uint8Array(Buffer.concat([length, Buffer.from(json), Buffer.alloc(numBytes)]));
  };
  const entry = (shape: string, begin: number, end: number): string =>
    `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

  it.each([
    ['a name twice', file(`{"a":${entry('[1]', 0, 4)},"a":${entry('[1]', 0, 4)}}`, 4), /a name twice/],
    [
      'a name twice, once escaped',
      file(`{"a":${entry('[0]', 0, 0)},"\\u0061":${entry('[0]', 0, 0)}}`, 0),
      /name twice/,
    ],
    ['a field twice', file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1), /name twice/],
    ['a shape beyond 2^53', file(`{"a":${entry('[4503599627370496,4096]', 0, 4)}}`, 4), /has 4 bytes/],
    ['a shape that overflows to nothing', file(`{"a":${entry('[4294967296,4294967296]', 0, 0)}}`, 0), /has 0 bytes/],
    ['a size that is no whole number', file(`{"a":${entry('[1.5]', 0, 6)}}`, 6), /malformed/],
    ['more fields', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1}}', 0), /malformed/],
    ['brackets without end', file('['.repeat(100_000), 0), /not JSON/],
    ['the dtype constructor', file('{"a":{"dtype":"constructor","shape":[0],"data_offsets":[0,0]}}', 0), /dtype/],
  ])('with %s is refused', async (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'x')).toThrow(TrainbookError);
    expect(() => parseSafetensors(bytes, 'x')).toThrow(message);
    await expect(safetensorsFrom(bytesSource(bytes, 'x'))).rejects.toThrow(message);
  });

  it('may have any names, those of objects too', () => {
    const whole = file(
      `{"__proto__":${entry('[1]', 0, 4)},"a:\\"{":${entry('[0]', 4, 4)},"constructor":${entry('[0]', 4, 4)}}`,
      4,
    );
    expect([...parseSafetensors(whole, 'x').tensors.keys()].sort()).toEqual(['__proto__', 'a:"{', 'constructor']);
  });
});
