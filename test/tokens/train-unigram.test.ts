import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/data/read/load.js';
import { unigram } from '../../src/tokens/learning/unigram.js';
import { learnUnigram, unigramOptions } from '../../src/tokens/train-unigram.js';
import { difficultTexts, learntByPython } from './trainer-fixture.js';

const corpus = { documents: difficultTexts.map((text) => ({ text })) };

// Hugging Face's library for Node is CommonJS and has types of its own.
interface NativeTokenizer {
  encode(text: string, pair: null): Promise<{ getIds(): number[]; getTokens(): string[] }>;
  decode(ids: readonly number[], skipSpecialTokens: boolean): Promise<string>;
}
const native = createRequire(import.meta.url)('tokenizers') as {
  Tokenizer: { fromString(json: string): NativeTokenizer };
};

type Scored = readonly (readonly [string, number])[];

/** Σ log p of the best rows of pieces for all words of some texts, how many pieces they are, and characters. */
function bestRows(texts: readonly string[], pieces: Scored): { score: number; tokens: number; characters: number } {
  const scores = new Map(pieces);
  const all = { score: 0, tokens: 0, characters: 0 };
  for (const word of texts.flatMap((text) => [...unigram.words(text)])) {
    const characters = Array.from(word);
    const best = characters.map(() => ({ score: -Infinity, tokens: 0 }));
    characters.forEach((_, from) => {
      const before = from === 0 ? { score: 0, tokens: 0 } : best[from - 1];
      for (let to = from; to < Math.min(characters.length, from + 16); to++) {
        const score = (scores.get(characters.slice(from, to + 1).join('')) ?? -Infinity) + (before?.score ?? 0);
        if (score > (best[to]?.score ?? 0)) best[to] = { score, tokens: (before?.tokens ?? 0) + 1 };
      }
    });
    all.score += best.at(-1)?.score ?? 0;
    all.tokens += best.at(-1)?.tokens ?? 0;
    all.characters += characters.length;
  }
  return all;
}

describe('learnUnigram', () => {
  it('explains held-out text as well as the Python library’s tokenizer, with mostly the same pieces', async () => {
    const { vocabularySize, pieces: theirs, heldOutScore, heldOutTokens } = learntByPython.unigram;
    const documents = [...(await load('brown')).documents];
    const json = await learnUnigram({ documents: documents.filter((_, index) => index % 10 > 0) }, { vocabularySize });
    const heldOut = documents.filter((_, index) => index % 10 === 0).map(({ text }) => text);
    const ours = json.model.vocab.slice(2);
    expect(ours).toHaveLength(theirs.length);
    const reference = bestRows(heldOut, theirs);
    expect(reference.score).toBeCloseTo(heldOutScore, 3);
    expect(reference.tokens).toBe(heldOutTokens);
    const found = bestRows(heldOut, ours);
    // Measured: −1.960 against −1.977 nats and 0.3125 against 0.3148 pieces per character; 85% of the pieces are the same.
    expect(found.score / found.characters).toBeGreaterThan(1.005 * (reference.score / reference.characters));
    expect(found.tokens).toBeLessThan(1.005 * reference.tokens);
    const same = new Set(theirs.map(([piece]) => piece));
    expect(ours.filter(([piece]) => same.has(piece)).length / ours.length).toBeGreaterThan(0.8);
  });

  describe('from difficult text', () => {
    const options = { vocabularySize: 1600, byteFallback: true, specialTokens: ['<unk>', '<s>', '</s>'] };
    let learnt: Awaited<ReturnType<typeof learnUnigram>>;
    let tokenizer: NativeTokenizer;
    beforeAll(async () => {
      learnt = await learnUnigram(corpus, options);
      tokenizer = native.Tokenizer.fromString(JSON.stringify(learnt));
    });

    it('has just as many tokens, all different, every character among them', () => {
      const tokens = learnt.model.vocab.map(([token]) => token);
      expect(new Set(tokens).size).toBe(1600);
      expect(tokens).toHaveLength(1600);
      expect(tokens.slice(0, 4)).toEqual(['<unk>', '<s>', '</s>', '<0x00>']);
      expect(tokens[258]).toBe('<0xFF>');
      expect(learnt.added_tokens.map(({ id, content }) => [id, content])).toEqual([
        [0, '<unk>'],
        [1, '<s>'],
        [2, '</s>'],
      ]);
      const characters = new Set(
        difficultTexts.flatMap((text) => Array.from(text.normalize('NFKC').replaceAll(' ', '▁'))),
      );
      expect([...characters].filter((character) => !tokens.includes(character))).toEqual([]);
    });

    it('is a whole tokenizer for Hugging Face’s library, which gives back all text as NFKC', async () => {
      for (const text of [...difficultTexts, 'a ☃ that was never seen ㍿', 'it says <0x41> and <unknown>']) {
        const { getIds } = await tokenizer.encode(text, null).then((encoding) => ({ getIds: encoding.getIds() }));
        expect(await tokenizer.decode(getIds, false)).toBe(text.normalize('NFKC'));
      }
      const { length } = (await tokenizer.encode('☃', null)).getTokens();
      expect(length).toBe(4); // ▁ and the three bytes
    });

    it('is the same for documents in another order, to the last bit', async () => {
      const reversed = await learnUnigram({ documents: corpus.documents.toReversed() }, options);
      expect(JSON.stringify(reversed)).toBe(JSON.stringify(learnt));
    });
  });

  it('takes no special token for a piece, however often it stands in the text', async () => {
    const documents = [{ text: `${'<s> word '.repeat(50)}${'<sword> '.repeat(9)}` }];
    const { model } = await learnUnigram({ documents }, { vocabularySize: 14, specialTokens: ['<unk>', '<s>'] });
    const tokens = model.vocab.map(([token]) => token);
    expect(new Set(tokens).size).toBe(14);
    expect(tokens.slice(2)).toContain('▁word');
  });

  it('takes only sizes that it can reach', async () => {
    await expect(learnUnigram({ documents: [] }, { vocabularySize: 99 })).rejects.toThrow('there are no documents');
    await expect(learnUnigram(corpus, { vocabularySize: 1 })).rejects.toThrow(/received: 1[\s\S]*from 3/);
    await expect(learnUnigram(corpus, { vocabularySize: 258, byteFallback: true })).rejects.toThrow('from 259');
    // Two special tokens; the characters ▁ a b; strings of ▁ab, ▁ab that repeat: ▁ab, ab (▁a is always followed by b).
    const letters = { documents: [{ text: 'ab ab' }] };
    await expect(learnUnigram(letters, { vocabularySize: 4 })).rejects.toThrow('at least 5');
    await expect(learnUnigram(letters, { vocabularySize: 8 })).rejects.toThrow('at most 7');
    const { model } = await learnUnigram(letters, { vocabularySize: 7 });
    expect(model.vocab.map(([token]) => token).toSorted()).toEqual(
      ['<unk>', '<|endoftext|>', '▁', 'a', 'b', '▁ab', 'ab'].toSorted(),
    );
  });

  it.each([
    [['<s>', '<s>'], 'named twice'],
    [['<s>', ''], 'is empty'],
    [['a'], '"a" is a word'],
    [['<0x0A>'], '"<0x0A>" is named twice'],
  ])('refuses special tokens %j', async (specialTokens, why) => {
    const options = { vocabularySize: 1600, byteFallback: true, specialTokens };
    await expect(learnUnigram(corpus, options)).rejects.toThrow(why);
  });

  it('has a schema for configs', () => {
    expect(unigramOptions.parse({ vocabularySize: 8000 })).toEqual({ vocabularySize: 8000 });
    expect(unigramOptions.safeParse({ vocabularySize: 1 }).success).toBe(false);
  });
});
