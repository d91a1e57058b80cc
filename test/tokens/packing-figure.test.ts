import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pack } from '../../src/tokens/pack.js';
import { packedParts, packingFigure } from '../../src/tokens/packing-figure.js';
import { characterTokenizer } from '../../src/tokens/characters.js';

const texts = (...lengths: readonly number[]) => ({
  documents: lengths.map((length) => ({ text: 'a'.repeat(length) })),
});
const tokenizer = characterTokenizer(texts(1));

/** Rows as words: `whole 0-5`. */
const told = (...args: Parameters<typeof pack>): string[] => {
  const parts = packedParts(pack(...args), tokenizer);
  return parts.map(({ row, from, to, kind }) => `row ${row}: ${kind} ${from}-${to}`);
};

describe('packedParts', () => {
  it('tells documents that are whole from parts and from padding', () => {
    // Targets: 5, 3 and 10. Best fit, rows of 8: 8 of the longest; 5 and 3; its last 2.
    expect(told(texts(4, 2, 9), tokenizer, 8, { form: 'best-fit' }).sort()).toEqual([
      'row 0: cut 0-8',
      'row 1: whole 0-5',
      'row 1: whole 5-8',
      'row 2: cut 0-2',
      'row 2: padding 2-8',
    ]);
    expect(told(texts(4, 2, 9), tokenizer, 8, { documents: true })).toEqual([
      'row 0: whole 0-5',
      'row 0: whole 5-8',
      'row 1: cut 0-8',
      'row 2: cut 0-2',
      'row 2: padding 2-8',
    ]);
  });

  it('agrees with what the packing says of itself, for any documents and both forms', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 24 }), fc.boolean(), (given, context, fits) => {
        const packing = pack(texts(...given), tokenizer, context, {
          form: fits ? 'best-fit' : 'concatenate',
          documents: true,
        });
        const parts = packedParts(packing, tokenizer);
        const places = parts.reduce((sum, { from, to }) => sum + to - from, 0);
        expect(places).toBe(packing.numRows * context);
        const padding = parts
          .filter(({ kind }) => kind === 'padding')
          .reduce((sum, { from, to }) => sum + to - from, 0);
        expect(padding / places).toBeCloseTo(packing.padding, 12);
        const numWhole = parts.filter(({ kind }) => kind === 'whole').length;
        expect(numWhole).toBe(packing.numDocuments - packing.numCut);
      }),
    );
  });

  it('needs rows that say where documents are', () => {
    expect(() => told(texts(4), tokenizer, 8)).toThrow('{ documents: true }');
  });
});

describe('packingFigure', () => {
  it('draws rows from the first to the last, each place once', () => {
    const packing = pack(texts(...Array.from({ length: 40 }, (_, index) => 1 + (index % 15))), tokenizer, 16, {
      form: 'best-fit',
    });
    const { data, layout } = packingFigure(packing, tokenizer, 5);
    expect(layout.yaxis?.ticktext?.[0]).toBe('1');
    expect(layout.yaxis?.ticktext?.[4]).toBe(String(packing.numRows));
    const bars = data as readonly { name: string; x: number[]; y: number[] }[];
    expect(bars.map(({ name }) => name)).toEqual(['whole documents', 'parts of documents', 'padding']);
    const drawn = bars.flatMap(({ x, y }) => x.map((length, index) => [y[index] ?? 0, length] as const));
    for (let row = 0; row < 5; row++) {
      const own = drawn.filter(([at]) => at === row);
      const gaps = own.length * (16 / 400);
      expect(own.reduce((sum, [, length]) => sum + length, 0) + gaps).toBeCloseTo(16, 9);
    }
  });
});
