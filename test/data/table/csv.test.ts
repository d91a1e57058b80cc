import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvRecords } from '../../../src/data/table/csv.js';

const read = (text: string, delimiter = ','): (readonly string[])[] =>
  [...csvRecords(text, delimiter, 'a.csv')].map(({ fields }) => fields);

describe('csvRecords', () => {
  it('reads quotes, delimiters, line feeds and doubled quotes in quotes, by RFC 4180', () => {
    expect(read('a,"b, c","d\r\ne","f ""g"""\r\n,"",\n')).toEqual([
      ['a', 'b, c', 'd\r\ne', 'f "g"'],
      ['', '', ''],
    ]);
    expect(read('a;"b;c"\r1;2', ';')).toEqual([
      ['a', 'b;c'],
      ['1', '2'],
    ]);
    expect(read('6" pipe,x')).toEqual([['6" pipe', 'x']]); // no quote at the beginning: taken as it is
  });

  it('knows the line of each record, also after line feeds in quotes', () => {
    const lines = [...csvRecords('a\n"b\nc\r\nd\re",f\n\ng', ',', 'a.csv')].map(({ line }) => line);
    expect(lines).toEqual([1, 2, 6, 7]);
  });

  it('ends with the text, with and without a last line feed; a delimiter at the end begins an empty field', () => {
    expect(read('a,b')).toEqual([['a', 'b']]);
    expect(read('a,b\n')).toEqual([['a', 'b']]);
    expect(read('a,\n')).toEqual([['a', '']]);
    expect(read('a,')).toEqual([['a', '']]);
    expect(read('')).toEqual([]);
  });

  it('refuses a quotation mark that never closes, and text after one that did, with the line', () => {
    expect(() => read('a,b\n1,"x\n2,3\n')).toThrow(/a\.csv:2: a quotation mark is never closed[\s\S]*"x/u);
    expect(() => read('a,b\n"x\ny"z,1')).toThrow(/a\.csv:3: text follows a closed quotation mark[\s\S]*z,1/u);
  });

  it('reads back whatever is written by the rules', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '"', ',', '\n', '\r', ' ', ';'), maxLength: 6 });
    const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 });
    const write = (value: string): string => (/["\n\r,]/u.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    fc.assert(
      fc.property(rows, fc.constantFrom('\n', '\r\n', '\r'), fc.boolean(), (table, end, last) => {
        const text = table.map((row) => row.map(write).join(',')).join(end) + (last ? end : '');
        expect(read(text)).toEqual(table);
      }),
    );
  });
});
