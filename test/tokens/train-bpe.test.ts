import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/data/read/load.js';
import { byteLevelBpe } from '../../src/tokens/byte-level-bpe.js';
import { parseTokenizer } from '../../src/tokens/parse-tokenizer.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';
import { bpeOptions, trainBpe } from '../../src/tokens/train-bpe.js';
import { difficultTexts, learntByPython } from './trainer-fixture.js';

// The truth is Hugging Face's Python library: fixtures/make_bpe.py, and fixtures/make_trainers.py for special tokens.
interface Fixture {
  readonly documents: readonly string[];
  readonly vocabularySize: number;
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
  readonly encoded: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly brown: Pick<Fixture, 'vocabularySize' | 'encoded'> & { readonly sha256: string };
}

const fixture = JSON.parse(await readFile(new URL('fixtures/bpe.json', import.meta.url), 'utf8')) as Fixture;
const documents = fixture.documents.map((text) => ({ text }));

interface WrittenTokenizer {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
  };
}
const written = (tokenizer: Tokenizer): WrittenTokenizer['model'] =>
  (JSON.parse(tokenizer.json) as WrittenTokenizer).model;

// The two libraries of Hugging Face for Node, native and JavaScript, are CommonJS here and have types of their own.
interface NativeTokenizer {
  encode(text: string, pair: null, options: { addSpecialTokens: boolean }): Promise<{ getIds(): number[] }>;
}
const require = createRequire(import.meta.url);
const native = require('tokenizers') as { Tokenizer: { fromString(json: string): NativeTokenizer } };
const script = require('@huggingface/tokenizers') as {
  Tokenizer: new (json: object, config: object) => { encode(text: string): { ids: number[] } };
};

const pieces = [' the', '\n', '  ', '\t', "'s", '学而时习之', '👩‍👩‍👧', '\r\n', '\u0000', 'é', '12'];

// Any well-formed text: all planes of Unicode, controls, and words as they come.
const text = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('<|endoftext|>', ...pieces),
  ),
});

// Text of characters whose category is long settled: whether one of Unicode 16 or 17 is a letter is known to one library and not
// yet to another.
const settled = [
  [0x0000, 0x02ff], // Latin, controls, signs
  [0x0400, 0x045f], // Cyrillic
  [0x2000, 0x206f], // spaces and punctuation
  [0x3000, 0x30ff], // Kana
  [0x4e00, 0x9fa5], // Han
  [0xac00, 0xd7a3], // Hangul
  [0x1f300, 0x1f5ff], // emoji
  [0x20000, 0x2a6d6], // Han of the second plane
].map(([min, max]) => fc.integer({ min: min ?? 0, max: max ?? 0 }).map((code) => String.fromCodePoint(code)));
const settledText = fc.string({ unit: fc.oneof(...settled, fc.constantFrom(...pieces)) });

describe('trainBpe', () => {
  let small: Tokenizer;
  let brown: Tokenizer;
  beforeAll(async () => {
    small = await trainBpe({ documents }, { vocabularySize: fixture.vocabularySize });
    brown = await trainBpe(await load('brown'), { vocabularySize: fixture.brown.vocabularySize });
  });

  it('learns the vocabulary and merges of the Python library from difficult text', () => {
    expect(small.size).toBe(fixture.vocabularySize);
    expect(written(small)).toMatchObject({ vocab: fixture.vocab, merges: fixture.merges });
  });

  it('learns the vocabulary and merges of the Python library from the Brown corpus', () => {
    const { vocab, merges } = written(brown);
    const inOrder = Object.entries(vocab).sort(([, a], [, b]) => a - b);
    const sha256 = createHash('sha256')
      .update(JSON.stringify({ vocab: inOrder, merges }))
      .digest('hex');
    expect(sha256).toBe(fixture.brown.sha256);
  });

  it.each(['bpe', 'bpeLetters'] as const)('learns tokens and merges of the Python library: %s', async (name) => {
    const { vocabularySize, specialTokens, minFrequency, tokens, merges } = learntByPython[name];
    const texts = name === 'bpe' ? difficultTexts : learntByPython.letters;
    const corpus = { documents: texts.map((text) => ({ text })) };
    const trained = await trainBpe(corpus, { vocabularySize, specialTokens, minFrequency });
    const json = JSON.parse(trained.json) as {
      model: WrittenTokenizer['model'];
      added_tokens: { id: number; content: string }[];
    };
    expect(Object.entries(json.model.vocab).sort(([, a], [, b]) => a - b)).toEqual(
      tokens.map((token, id) => [token, id]),
    );
    expect(json.model.merges.map((merge) => merge.join(' '))).toEqual(merges);
    expect(json.added_tokens.map(({ id, content }) => [id, content])).toEqual(
      specialTokens.map((token, id) => [id, token]),
    );
  });

  it('gives each digit a token, in numbers of any length and script, and the library reads it so', async () => {
    const text = 'In 1984 they sold 1984 of 19841984, and ٣٤ more: 12 + 7 = 19. ';
    const trained = await trainBpe(
      { documents: [{ text: text.repeat(40) }] },
      { vocabularySize: 278, digits: 'single' },
    );
    const merged = Object.keys(written(trained).vocab).filter((token) => /\d/u.test(token) && token.length > 1);
    expect(merged).toEqual([]);
    expect(trained.encode('1984')).toHaveLength(4);
    const nativeTokenizer = native.Tokenizer.fromString(trained.json);
    expect(trained.encode(text)).toEqual((await nativeTokenizer.encode(text)).getIds());
    expect(trained.decode(trained.encode(text))).toBe(text);
  });

  it('is the same for documents in another order', async () => {
    const reversed = await trainBpe({ documents: documents.toReversed() }, { vocabularySize: fixture.vocabularySize });
    expect(reversed.json).toBe(small.json);
  });

  it('gives the ids of the Python library', () => {
    for (const { text, ids } of fixture.encoded) expect(small.encode(text), JSON.stringify(text)).toEqual(ids);
    for (const { text, ids } of fixture.brown.encoded) expect(brown.encode(text), JSON.stringify(text)).toEqual(ids);
  });

  it('gives back any well-formed text', () => {
    fc.assert(
      fc.property(text, (text) => {
        expect(brown.decode(brown.encode(text))).toBe(text);
      }),
    );
  });

  it('gives the ids of both Hugging Face libraries for Node on any text', async () => {
    const nativeTokenizer = native.Tokenizer.fromString(brown.json);
    await fc.assert(
      fc.asyncProperty(settledText, async (text) => {
        const ids = (await nativeTokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
        expect(brown.encode(text)).toEqual(ids);
      }),
    );
    const scriptTokenizer = new script.Tokenizer(JSON.parse(brown.json) as object, {});
    for (const { text, ids } of fixture.brown.encoded.filter(
      ({ text }) => !text.includes('\u0085') && !text.includes('\ufeff'),
    )) {
      expect(scriptTokenizer.encode(text).ids, JSON.stringify(text)).toEqual(ids);
    }
  });

  it('never encodes a text to the end of a document', () => {
    const ids = brown.encode('a<|endoftext|>b');
    expect(ids).not.toContain(brown.endOfText);
    expect(brown.decode(ids)).toBe('a<|endoftext|>b');
    expect(brown.decode([...brown.encode('a'), brown.endOfText])).toBe('a<|endoftext|>');
  });

  it('is the same after it is written and read', () => {
    const again = parseTokenizer(brown.json);
    expect(again.json).toBe(brown.json);
    expect(again.encode('The city of 学而.')).toEqual(brown.encode('The city of 学而.'));
    expect([again.size, again.endOfText]).toEqual([4096, 0]);
  });

  it('leaves the event loop free and reports progress', async () => {
    let turns = 0;
    const notes: string[] = [];
    const timer = setInterval(() => turns++, 5);
    await trainBpe({ documents }, { vocabularySize: 300 }, ({ done, total, note }) =>
      notes.push(`${done}/${total} ${note ?? ''}`),
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
    expect(notes[0]).toBe('1/2 words of 8 documents');
    expect(notes.at(-1)).toMatch(/^2\/2 \d+ merges$/);
  });

  it('stops when the signal is aborted, before and while it works', async () => {
    const reason = new Error('enough');
    const options = { vocabularySize: 300 };
    await expect(trainBpe({ documents }, options, undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const corpus = { documents: Array.from({ length: 40 }, () => ({ text: 'again '.repeat(100_000) })) };
    const reports: number[] = [];
    const stopped = trainBpe(
      corpus,
      options,
      ({ done }) => {
        reports.push(done);
        controller.abort(reason);
      },
      controller.signal,
    );
    await expect(stopped).rejects.toBe(reason);
    expect(reports[0]).toBeLessThan(1);
  });

  it('takes only sizes that it can reach', async () => {
    const bytes = await trainBpe({ documents }, { vocabularySize: 257 });
    // Ids in the order of the bytes' characters after <|endoftext|>: n = 0x6e is 110 − 33 after `!` (id 1). é = c3 a9: after 94 of
    // ASCII come a1 … ac, then ae … ff: a9 is 1 + 94 + 8, c3 is 1 + 94 + 12 + 21.
    expect(bytes.encode('né')).toEqual([78, 128, 103]);
    await expect(trainBpe({ documents }, { vocabularySize: 256 })).rejects.toThrow(/received: 256[\s\S]*257/);
    await expect(trainBpe({ documents }, { vocabularySize: 1_000_001 })).rejects.toThrow('1000000');
    await expect(trainBpe({ documents: [] }, { vocabularySize: 300 })).rejects.toThrow('there are no documents');
    await expect(trainBpe({ documents: [{ text: 'aa aa' }] }, { vocabularySize: 300 })).rejects.toThrow(/at most 259/);
    await expect(trainBpe({ documents }, { vocabularySize: 400, minFrequency: 1000 })).rejects.toThrow(
      /at most 257: then no pair occurs 1000 times/,
    );
    await expect(trainBpe({ documents }, { vocabularySize: 300, minFrequency: -1 })).rejects.toThrow('minFrequency');
    expect(bpeOptions.safeParse({ vocabularySize: 256 }).success).toBe(false);
    expect(bpeOptions.parse({ vocabularySize: 300 })).toEqual({ vocabularySize: 300 });
  });

  it.each([
    [['<s>', '<s>'], 'named twice'],
    [['<s>', ''], 'is empty'],
    [['the'], 'is a word that a text may have'],
    [['é'], 'is a word that a text may have'],
  ])('refuses special tokens %j', async (specialTokens, why) => {
    await expect(trainBpe({ documents }, { vocabularySize: 400, specialTokens })).rejects.toThrow(why);
  });

  it('refuses a list of special tokens with an empty or a double one in a config', () => {
    expect(bpeOptions.safeParse({ vocabularySize: 300, specialTokens: ['<s>', '<s>'] }).success).toBe(false);
    expect(bpeOptions.safeParse({ vocabularySize: 300, specialTokens: [''] }).success).toBe(false);
    expect(bpeOptions.safeParse({ vocabularySize: 300, specialTokens: [] }).success).toBe(false);
  });

  it('refuses a vocabulary that is not whole, and an id that is none', () => {
    const { vocab, merges } = written(small);
    const first = merges[0]?.join('') ?? '';
    const without = Object.fromEntries(Object.entries(vocab).filter(([token]) => token !== first));
    expect(() => byteLevelBpe(without, merges)).toThrow('the vocabulary is not whole');
    expect(() => byteLevelBpe(vocab, [['Ġ', 'ŀ']])).toThrow('no token "Ġŀ"');
    expect(() => byteLevelBpe({ ...vocab, extra: 3 }, merges)).toThrow('the id 3 of both');
    expect(() => small.decode([400])).toThrow('from 0 to 399');
  });
});
