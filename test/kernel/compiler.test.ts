import typescript from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asCompiler, compilerForTslab, topLevelAwaits } from '../../src/kernel/compiler.js';
import { requireTslab } from '../../src/kernel/start.js';

/** The part of tslab's converter that the kernel's messages go to. */
interface Converter {
  convert(
    previous: string,
    source: string,
  ): { diagnostics: { messageText: string }[]; hasToplevelAwait?: boolean; declOutput?: string; output?: string };
  complete(previous: string, source: string, position: number): { candidates: string[] };
  inspect(previous: string, source: string, position: number): typescript.QuickInfo | undefined;
  close(): void;
}

describe('tslab on stock TypeScript', () => {
  let converter: Converter;
  const messages = (source: string): string[] =>
    converter.convert('', source).diagnostics.map(({ messageText }) => messageText);

  beforeAll(() => {
    const { createConverter } = requireTslab()('./converter.js') as { createConverter: (options: object) => Converter };
    converter = createConverter({ isJS: false, isBrowser: false });
  });
  afterAll(() => {
    converter.close();
  });

  it('is strict', () => {
    expect(messages('const first: number = [1, 2, 3][0];')).toEqual([
      "Type 'number | undefined' is not assignable to type 'number'.\n  Type 'undefined' is not assignable to type 'number'.",
    ]);
    expect(messages('const double = (n) => n * 2;')).toEqual(["Parameter 'n' implicitly has an 'any' type."]);
    expect(messages('const double = (n: number) => n * 2;')).toEqual([]);
  });

  it('knows a cell that must run as an async function', () => {
    expect(converter.convert('', 'await 1').hasToplevelAwait).toBe(true);
    expect(converter.convert('', 'async function f() { await 1; }').hasToplevelAwait).toBe(false);
  });

  it('finds names of earlier cells in shorthand properties too', () => {
    const { declOutput = '' } = converter.convert('', 'const a = 1;');
    const { output } = converter.convert(
      declOutput,
      'const b = 2;\nconst both = { a, b };\nconst { c: { a: inner } } = { c: { a } };',
    );
    expect(output).toContain('{ a: exports.a, b }');
    expect(output).toContain('{ c: { a: exports.a } }');
  });

  it('leaves names of properties as they are, also where an earlier cell has declared the property', () => {
    const { declOutput = '' } = converter.convert(
      '',
      'const runs = [{ loss: 1, name: "a" }]; let found = 0; const name = "b";',
    );
    const { diagnostics, output } = converter.convert(
      declOutput,
      'for (const { loss: lowest = found } of runs) console.log(lowest);\n({ loss: found } = runs[0]!);\nconst one = { loss: found, name };',
    );
    expect(diagnostics).toEqual([]);
    expect(output).toContain('{ loss: lowest = exports.found } of exports.runs');
    expect(output).toContain('{ loss: exports.found } = exports.runs[0]');
    expect(output).toContain('{ loss: exports.found, name: exports.name }');
  });

  it('completes members and tells types, across cells', () => {
    const { declOutput = '' } = converter.convert('', 'const learning = { rate: 0.1, steps: 300 };');
    const source = 'learning.';
    expect(converter.complete(declOutput, source, source.length).candidates).toEqual(['rate', 'steps']);
    const shown = converter
      .inspect(declOutput, 'learning', 3)
      ?.displayParts?.map(({ text }) => text)
      .join('');
    expect(shown).toBe('const learning: {\n    rate: number;\n    steps: number;\n}');
    expect(converter.inspect(declOutput, '1 + 1', 2)).toBeUndefined();
  });
});

describe('topLevelAwaits', () => {
  it.each([
    ['await a;', [0]],
    ['const x = [await a, await b];', [11, 20]],
    ['for await (const x of y) {}', [4]],
    ['{ await using x = y; }', [2]],
    ['using x = y; const z = 1;', []],
    ['const f = async () => { await a; };', []],
    ['class A { static { async () => { await a; }; } }', []],
  ])('%s', (source, expected) => {
    const file = typescript.createSourceFile('cell.ts', source, typescript.ScriptTarget.ESNext, true);
    expect(topLevelAwaits(typescript, file)).toEqual(expected);
  });
});

describe('changed internals', () => {
  it('of TypeScript are named', () => {
    const { Completions: _, ...lacking } = typescript as typeof typescript & { Completions: unknown };
    expect(() => asCompiler(lacking)).toThrow(/TypeScript 5\.9\.\d+ has no Completions/);
  });

  it('of tslab are named', () => {
    const ask = (source: string): unknown => compilerForTslab(asCompiler(typescript), () => [], source);
    expect(() => ask('ts.createPrinter(); ts.inventedForTslab(1)')).toThrow(
      'tslab asks its compiler for inventedForTslab',
    );
    expect(ask('ts.createPrinter()')).toHaveProperty('getDefaultTypeRoots');
  });
});
