import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { bytesSource } from '../../../src/model/files/byte-source.js';
import { openWeights } from '../../../src/model/files/open-weights.js';
import { unpickle } from '../../../src/model/files/pickle.js';
import { openPyTorch, pytorchFrom } from '../../../src/model/files/pytorch.js';
import { stateDictHost } from '../../../src/model/files/pytorch-objects.js';
import { contents, expected, fixture } from './expected.js';

describe('files of torch.save', () => {
  it.each(['state.pth', 'legacy.pth', 'protocol-4.pth'])(
    'give every dtype, views in any order of axes, and shared storages: %s',
    async (name) => {
      expect(await contents(await openWeights(fixture(name)))).toEqual(expected.state);
    },
  );

  it('may be checkpoints: tensors are named by their way, plain values are metadata', async () => {
    const file = await openPyTorch(fixture('checkpoint.pth'));
    const plain = Object.fromEntries([...file.metadata].filter(([name]) => !name.startsWith('optimizer.')));
    expect(plain).toEqual({
      step: 3,
      loss: 0.25,
      name: '模型',
      big: 2n ** 70n,
      none: null,
      shape: [1, 2],
      dtype: 'torch.bfloat16',
      tokens: ['a', 'b'],
    });
    expect(file.metadata.get('optimizer.param_groups.0.betas')).toEqual([0.9, 0.999]);
    expect(await contents(file)).toEqual(expected.checkpoint);
  });

  it.each([
    ['malicious.pth', /names (posix|nt)\.system, which is not run/],
    ['malicious-legacy.pth', /names (posix|nt)\.system, which is not run/],
    ['namespace.pth', /names argparse\.Namespace/],
    ['expanded.pth', /repeats its storage[\s\S]*1000000 of 1 elements/],
    ['complex.pth', /names torch\.ComplexFloatStorage|dtype that is not read/],
    ['uint16.pth', /dtype that is not read[\s\S]*torch\.uint16/],
    ['bare.pth', /holds no dict[\s\S]*a tensor/],
    ['compressed.pth', /data\.pkl is compressed/],
  ])('refuses %s', async (name, message) => {
    await expect(openPyTorch(fixture(name))).rejects.toThrow(TrainbookError);
    await expect(openPyTorch(fixture(name))).rejects.toThrow(message);
    expect(existsSync('malicious.txt')).toBe(false);
  });

  it('refuses storages that are missing, twice there, of another size or overlapping when it is opened, not when it is read', async () => {
    const whole = await readFile(fixture('state.pth'));
    const renamed = Buffer.from(whole.toString('latin1').replaceAll('state/data/1', 'state/data/x'), 'latin1');
    await expect(pytorchFrom(bytesSource(renamed, 'x.pth'))).rejects.toThrow(/storage \w+ is not whole[\s\S]*no bytes/);
    const twice = Buffer.from(whole.toString('latin1').replaceAll('state/data/1', 'state/data/0'), 'latin1');
    await expect(pytorchFrom(bytesSource(twice, 'x.pth'))).rejects.toThrow('state/data/0 is there twice');
    // The directory's entries: 46 bytes, of which the last 4 are the offset, and the name.
    const overlapping = Buffer.from(whole);
    const first = whole.lastIndexOf('state/data/0');
    whole.copy(overlapping, whole.lastIndexOf('state/data/1') - 4, first - 4, first);
    await expect(pytorchFrom(bytesSource(overlapping, 'x.pth'))).rejects.toThrow(/overlaps the one before it/);
    const swollen = Buffer.from(whole);
    swollen.writeUInt32LE(1e9, first - 46 + 24);
    await expect(pytorchFrom(bytesSource(swollen, 'x.pth'))).rejects.toThrow(/size mismatch/);
    const big = Buffer.from(whole.toString('latin1').replaceAll('little', 'bigbig'), 'latin1');
    await expect(pytorchFrom(bytesSource(big, 'x.pth'))).rejects.toThrow('not little-endian');
  });
});

const host = stateDictHost(
  (problem, received, wanted) => new TrainbookError({ what: problem, received, expected: wanted }),
);
const run = (...parts: (string | number[])[]): unknown => {
  const bytes = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );
  return unpickle(new Uint8Array(bytes), 0, host).value;
};

describe('unpickle', () => {
  it('reads plain data', () => {
    expect(run('\x80\x02K\x01.')).toBe(1);
    expect(run('\x80\x02J\xff\xff\xff\xff.')).toBe(-1);
    expect(run('\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.')).toBe(2n ** 63n);
    expect(run('\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00.')).toBe(1.5);
    expect(run('\x80\x02](K\x01K\x02e.')).toEqual([1, 2]);
    expect(run('\x80\x02}X\x01\x00\x00\x00aK\x01s.')).toEqual(new Map([['a', 1]]));
    expect(run('\x80\x02]q\x00h\x00a.')).toHaveLength(1); // a list that holds itself
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /cut off/],
    ['an empty stack', '\x80\x02.', /value is missing/],
    ['values left over', '\x80\x02K\x01K\x02.', /left on the stack/],
    ['a mark left over', '\x80\x02(K\x01.', /value|left/],
    ['a missing mark', '\x80\x02e.', /mark is missing/],
    ['popping below a mark', '\x80\x02K\x01(0.', /value is missing/],
    ['an unknown memo', '\x80\x02h\x05.', /memo has no 5/],
    ['a text longer than the pickle', '\x80\x02X\xff\xff\xff\xffab.', /cut off/],
    ['a text of 2^63 bytes', '\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x80ab.', /cut off/],
    ['no UTF-8', '\x80\x02X\x01\x00\x00\x00\xff.', /not UTF-8/],
    ['a huge integer', `\x80\x02\x8b\xff\xff\xff\x7f.`, /huge integer/],
    ['old operations', '\x80\x02I1\n.', /0x49 at byte 2/],
    ['objects of classes', '\x80\x02ccollections\nOrderedDict\n)\x81.', /0x81/],
    ['a global that is not listed', '\x80\x02cbuiltins\neval\n.', /names builtins\.eval/],
    ['the like by the stack', '\x80\x04\x8c\x02os\x8c\x06system\x93.', /names os\.system/],
    ['a name of objects', '\x80\x02c__proto__\nx\n.', /names __proto__\.x/],
    ['a call of a type', '\x80\x02ctorch\nFloatStorage\n)R.', /no function here[\s\S]*torch\.FloatStorage/],
    ['a call of a number', '\x80\x02K\x01)R.', /no function/],
    ['attributes of a list', '\x80\x02]}b.', /sets attributes/],
    ['a key twice', '\x80\x02}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00aK\x02u.', /key twice/],
    ['a list as key', '\x80\x02}]K\x01s.', /other keys than names/],
    ['items of a number', '\x80\x02K\x01K\x01K\x01s.', /no dict/],
    ['a storage of no type', '\x80\x02K\x01Q.', /names a storage wrongly/],
    ['protocol 0', '\x80\x00K\x01.', /of protocol 0/],
  ])('refuses %s', (_, pickle, message) => {
    expect(() => run(pickle)).toThrow(TrainbookError);
    expect(() => run(pickle)).toThrow(message);
  });

  it('bounds its memory: neither lists without end nor trees that grow by sharing', async () => {
    expect(() => run('\x80\x02', ']'.repeat(2_000_001), '.')).toThrow(/too large/);
    // 60 lists of twice the list before: 2^60 values in 300 bytes.
    const doubled = Array.from(
      { length: 60 },
      (_, index) =>
        `](h${String.fromCharCode(index)}h${String.fromCharCode(index)}eq${String.fromCharCode(index + 1)}0`,
    );
    const bomb = `\x80\x02}X\x01\x00\x00\x00a]q\x00K\x01a0${doubled.join('')}h${String.fromCharCode(60)}s.`;
    const cycle = '\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.';
    const legacy = (pickle: string): Buffer =>
      Buffer.from(
        '\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.' +
          `${pickle}\x80\x02].`,
        'latin1',
      );
    await expect(pytorchFrom(bytesSource(legacy(bomb), 'bomb'))).rejects.toThrow(/hold each other, or too much/);
    await expect(pytorchFrom(bytesSource(legacy(cycle), 'cycle'))).rejects.toThrow(/hold each other, or too much/);
    const file = await pytorchFrom(bytesSource(legacy('\x80\x02}X\x01\x00\x00\x00aK\x07s.'), 'whole'));
    expect([...file.metadata]).toEqual([['a', 7]]);
  });
});
