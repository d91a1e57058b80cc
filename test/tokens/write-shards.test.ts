import fc from 'fast-check';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hash } from '../../src/files.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { openShards } from '../../src/tokens/open-shards.js';
import { concatenate } from '../../src/tokens/pack.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';
import { writeShards } from '../../src/tokens/write-shards.js';

const documents = ['abc', '', '学a', 'ccba'].map((text) => ({ text }));
const tokenizer = characterTokenizer({ documents }); // a 0, b 1, c 2, 学 3, end of text 4

let root = '';
let numFolders = 0;
const folder = (): string => join(root, `${numFolders++}`);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shards-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('writeShards', () => {
  it('writes the bytes that the format says', async () => {
    const path = folder();
    (await writeShards(documents, tokenizer, path, { tokensPerShard: 5 })).close();
    // a b c end, end: 5 tokens. 学 a end, c c b a end: 3, then 8.
    expect(await readdir(path)).toEqual(['shard-00000.tokens', 'shard-00001.tokens', 'shards.json']);
    const bytes = await readFile(join(path, 'shard-00001.tokens'));
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    const encoding = { dtype: 'uint16', vocabularySize: 5, endOfText: 4, tokenizer: hash(tokenizer.json) };
    const counts = { numTokens: 8, numDocuments: 2, numBytes: 8 };
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
      format: 'trainbook tokens 1',
      ...encoding,
      ...counts,
    });
    const expected = Buffer.alloc(8 * 2 + 2 * 4);
    [3, 0, 4, 2, 2, 1, 0, 4].forEach((token, index) => expected.writeUInt16LE(token, 2 * index));
    [3, 8].forEach((end, index) => expected.writeUInt32LE(end, 16 + 4 * index));
    expect(bytes.subarray(8 + length)).toEqual(expected);
    expect(JSON.parse(await readFile(join(path, 'shards.json'), 'utf8'))).toEqual({
      format: 1,
      ...encoding,
      shards: [
        {
          file: 'shard-00000.tokens',
          numTokens: 5,
          numDocuments: 2,
          numBytes: 3,
          hash: hash(await readFile(join(path, 'shard-00000.tokens'))),
        },
        { file: 'shard-00001.tokens', ...counts, hash: hash(bytes) },
      ],
    });
  });

  it('gives back every document, and the stream, whatever the size of a shard', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '学') });
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1 }),
        fc.integer({ min: 1, max: 40 }),
        async (texts, tokensPerShard) => {
          const all = texts.map((text) => ({ text }));
          const shards = await writeShards(all, tokenizer, folder(), { tokensPerShard });
          const stream = concatenate(all, tokenizer);
          expect(shards).toMatchObject({
            numTokens: stream.length - 1,
            numDocuments: texts.length,
            numBytes: Buffer.byteLength(texts.join('')),
          });
          expect(texts.map((_, index) => tokenizer.decode(shards.document(index)))).toEqual(texts);
          for (const start of [0, 1, stream.length - 1, stream.length >> 1]) {
            const read = new Int32Array(stream.length - start);
            shards.read(start, read);
            expect(read).toEqual(stream.subarray(start));
          }
          shards.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('takes documents as they come, and 32 bits where the vocabulary needs them', async () => {
    const wide: Tokenizer = { ...tokenizer, size: 2 ** 17, endOfText: 2 ** 17 - 1, encode: () => [65_536, 7, 131_070] };
    async function* coming(): AsyncGenerator<{ text: string }> {
      await Promise.resolve();
      yield { text: 'x' };
      yield { text: 'y' };
    }
    const shards = await writeShards(coming(), wide, folder());
    expect([...shards.document(1)]).toEqual([65_536, 7, 131_070]);
    expect(shards).toMatchObject({ numTokens: 8, numShards: 1, vocabularySize: 131_072 });
    shards.close();
  });

  it('writes repeats after all others, and refuses them in a stream, where that cannot be', async () => {
    const mixed = [{ text: 'abc', meta: { epochs: 2 } }, { text: '学a' }];
    const shards = await writeShards(mixed, tokenizer, folder());
    expect([0, 1, 2].map((index) => tokenizer.decode([...shards.document(index)]))).toEqual(['abc', '学a', 'abc']);
    shards.close();
    await expect(writeShards(mixed.values(), tokenizer, folder())).rejects.toThrow('several times');
  });

  it('reads on after close, and keeps few files open', async () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ text: 'abc'.slice(index % 3) }));
    const shards = await writeShards(many, tokenizer, folder(), { tokensPerShard: 1 });
    expect(shards.numShards).toBe(100);
    const ownFiles = async (): Promise<number> => (await readdir('/proc/self/fd').catch(() => [])).length;
    shards.close();
    const before = await ownFiles();
    expect(many.map((_, index) => tokenizer.decode(shards.document(index)))).toEqual(many.map(({ text }) => text));
    if (before > 0) expect((await ownFiles()) - before).toBeLessThanOrEqual(64);
    shards.close();
    expect(await ownFiles()).toBe(before);
  });

  it('begins anew where a run was killed, refuses a folder that is whole', async () => {
    const path = folder();
    await mkdir(path);
    await writeFile(join(path, 'shard-00007.tokens'), 'left');
    await writeFile(join(path, 'shard-00008.tokens.0123456789ab.tmp'), 'half');
    await writeFile(join(path, 'notes.txt'), 'mine');
    await expect(openShards(path)).rejects.toThrow(/shards\.json/);
    (await writeShards(documents, tokenizer, path)).close();
    expect(await readdir(path)).toEqual(['notes.txt', 'shard-00000.tokens', 'shards.json']);
    await expect(writeShards(documents, tokenizer, path)).rejects.toThrow(/has shards already/);
  });

  it('is not whole where documents fail to come, and refuses none', async () => {
    const path = folder();
    function* failing(): Generator<{ text: string }> {
      yield { text: 'abc' };
      throw new Error('no more');
    }
    await expect(writeShards(failing(), tokenizer, path, { tokensPerShard: 1 })).rejects.toThrow('no more');
    await expect(openShards(path)).rejects.toThrow(/cannot read/);
    await expect(writeShards([], tokenizer, folder())).rejects.toThrow(/no documents/);
    await expect(writeShards(documents, tokenizer, folder(), { tokensPerShard: 0 })).rejects.toThrow(/tokensPerShard/);
  });
});

describe('openShards', () => {
  /** A folder of shards, with a change made to it. */
  const changed = async (change: (path: string) => Promise<void>): Promise<string> => {
    const path = folder();
    (await writeShards(documents, tokenizer, path, { tokensPerShard: 5 })).close();
    await change(path);
    return path;
  };
  const withBytes = (at: (length: number) => number, bytes: readonly number[]) => async (path: string) => {
    const file = join(path, 'shard-00001.tokens');
    const contents = await readFile(file);
    contents.set(bytes, at(contents.length));
    await writeFile(file, contents);
  };
  const cutBy = (numBytes: number) => async (path: string) => {
    const file = join(path, 'shard-00001.tokens');
    await truncate(file, (await readFile(file)).length - numBytes);
  };
  const withIndex = (change: (text: string) => string) => async (path: string) => {
    const file = join(path, 'shards.json');
    await writeFile(file, change(await readFile(file, 'utf8')));
  };

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['a shard that is missing', (path) => rm(join(path, 'shard-00001.tokens')), /cannot read .*shard-00001/],
    ['a shard cut short', cutBy(1), /shard-00001.* has \d+ bytes/],
    ['a shard with more than its own', cutBy(-1), /shard-00001.* has \d+ bytes/],
    ['a shard cut within its header', (path) => truncate(join(path, 'shard-00001.tokens'), 50), /it ends at 50/],
    ['an empty shard', (path) => truncate(join(path, 'shard-00001.tokens'), 0), /has 0 bytes/],
    ['a huge header', withBytes(() => 0, [0, 0, 0, 0, 0, 0, 0, 1]), /claims \d+ bytes/],
    ['a header that is no JSON', withBytes(() => 8, [0]), /not JSON/],
    ['a shard of another format', withBytes(() => 20, [0x54]), /malformed/],
    ['a last document that ends elsewhere', withBytes((length) => length - 4, [7]), /last document ends at 7/],
    [
      'counts that are not the shard’s',
      withIndex((text) => text.replace('"numTokens": 8', '"numTokens": 9')),
      /numTokens is 8/,
    ],
    ['shards swapped', withIndex((text) => text.replace('00001', '00002').replace('00000', '00001')), /shard-00001/],
    [
      'a path that leads outside',
      withIndex((text) => text.replace('shard-00001.tokens', '../shard-00001.tokens')),
      /not a list/,
    ],
    ['a shard named twice', withIndex((text) => text.replace('00001', '00000')), /stands twice/],
    [
      'more tokens than 16 bits hold',
      withIndex((text) => text.replace('"vocabularySize": 5', '"vocabularySize": 65537')),
      /65537 tokens in uint16/,
    ],
    [
      'an end of text that is no token',
      withIndex((text) => text.replace('"endOfText": 4', '"endOfText": 5')),
      /endOfText 5/,
    ],
    ['a list cut short', withIndex((text) => text.slice(0, 100)), /not JSON/],
  ])('refuses %s', async (_name, change, message) => {
    await expect(openShards(await changed(change))).rejects.toThrow(message);
  });

  it('notices changed tokens by their hash, and one outside of the vocabulary when it is read', async () => {
    // 16 bytes of tokens and 8 of ends at the end of the file: the first token of the shard, the fifth of all.
    const flipped = await changed(withBytes((length) => length - 24, [1]));
    await expect(openShards(flipped, { checkHashes: true })).rejects.toThrow(/its hash is another/);
    const hostile = await openShards(await changed(withBytes((length) => length - 24, [5])));
    expect(() => hostile.document(2)).toThrow(/has the token 5[\s\S]*0 to 4/);
    expect([...hostile.document(3)]).toEqual([2, 2, 1, 0]);
    hostile.close();
    const crossed = await openShards(await changed(withBytes((length) => length - 8, [9])));
    expect(() => crossed.document(2)).toThrow(/document 0 is from 0 to 9/);
    crossed.close();
    const whole = await openShards(await changed(() => Promise.resolve()), { checkHashes: true });
    whole.close();
  });

  it('notices a shard that is cut while it is in use', async () => {
    let path = '';
    const shards = await openShards(await changed((made) => Promise.resolve(void (path = made))));
    await cutBy(10)(path);
    expect(() => shards.document(3)).toThrow(/it ends at \d+/);
    shards.close();
  });

  it('refuses another tokenizer, and what lies outside', async () => {
    const path = await changed(() => Promise.resolve());
    const other = characterTokenizer({ documents: [{ text: 'abcd' }] }); // as many tokens, other ones
    await expect(openShards(path, { tokenizer: other })).rejects.toThrow(/another tokenizer/);
    const shards = await openShards(path, { tokenizer });
    expect(() => shards.document(4)).toThrow(/4 to 5[\s\S]*0 to 4/);
    expect(() => shards.document(-1)).toThrow(/outside/);
    expect(() => {
      shards.read(10, new Int32Array(5));
    }).toThrow(/10 to 15[\s\S]*0 to 14/);
    shards.close();
  });
});

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  // @ts-expect-error documents without a text
  await writeShards([{ id: 1 }], tokenizer, 'shards');
  // @ts-expect-error a folder, not a list of files
  await openShards(['shard-00000.tokens']);
}
