import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../../src/data/read/load.js';
import { parseTable } from '../../../src/data/table/parse-table.js';
import type { ParseTableOptions } from '../../../src/data/table/parse-table.js';
import { readTable } from '../../../src/data/table/read-table.js';

const parse = (content: string | Uint8Array, options?: ParseTableOptions): Record<string, unknown> =>
  Object.fromEntries(parseTable(typeof content === 'string' ? Buffer.from(content) : content, 'a.csv', options));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

describe('the values of a table', () => {
  it('are numbers where all are, else booleans, else strings; missing words are null', () => {
    expect(parse('n,b,s,m\n1,True,1,NA\n-2.5e3,false,x,\n NaN ,NA,"",null\n.5,FALSE,NaN,n/a\n')).toEqual({
      n: ['1', '-2.5e3', ' NaN ', '.5'], // a word is missing only as it is, without spaces
      b: [true, false, null, false],
      s: ['1', 'x', null, null],
      m: [null, null, null, null],
    });
    expect(parse('n,i\n1,inf\n 2 ,-Infinity\nNaN,+3.\n')).toEqual({ n: [1, 2, null], i: [Infinity, -Infinity, 3] });
    expect(parse('n\n0x10\n1_0\n')).toEqual({ n: ['0x10', '1_0'] });
  });

  it('stay strings where a number would lose digits', () => {
    expect(parse('id,big\n12345678901234567890,1e300\n2,2\n')).toEqual({
      id: ['12345678901234567890', '2'],
      big: [1e300, 2],
    });
    expect(parse('id\n9007199254740991\n')).toEqual({ id: [9007199254740991] });
  });

  it('are of the kinds asked for, or refused with the line', () => {
    expect(parse('zip,n\n00501,1\n10001,2\n', { columns: { zip: 'string' } })).toEqual({ zip: ['00501', '10001'] });
    expect(() => parse('a,n\n"x\ny",1\nz,"?"\n', { columns: { n: 'number' } })).toThrow(
      /a\.csv:4: column n has a value that is no number\s+received: \?/u,
    );
    expect(parse('n\n?\n1\n', { columns: { n: 'number' }, missing: ['?'] })).toEqual({ n: [null, 1] });
    expect(() => parse('n\n1\n', { columns: { m: 'number' } })).toThrow(/a\.csv:1: there is no column m/u);
  });

  it('may come without a line of names, with other delimiters, after a byte-order mark and with blank lines', () => {
    expect(parse('1;2\n3;4', { names: ['a', 'b'], delimiter: ';' })).toEqual({ a: [1, 3], b: [2, 4] });
    expect(parse('\uFEFFa,b\r\n\r\n1,2\r\n\r\n')).toEqual({ a: [1], b: [2] });
    expect(parse('a\n1\n\n3\n')).toEqual({ a: [1, null, 3] }); // in one column an empty line is a missing value
    expect(parse(',b\n1,2\n')).toEqual({ 'column 1': [1], b: [2] });
    expect(() => parse('a\n1', { delimiter: ', ' })).toThrow('no such delimiter');
  });
});

describe('files that are no table', () => {
  it.each([
    ['a row too short', 'a,b\n1,2\n3\n', /a\.csv:3: a row has 1 fields, the table 2 columns/u],
    ['a row too long', 'a,b\n1,2,3\n', /a\.csv:2: a row has 3 fields, the table 2 columns/u],
    ['two columns of one name', 'a,b,a\n1,2,3\n', /a\.csv:1: two columns have one name\s+received: a, columns 1, 3/u],
    ['a name that objects cannot have', '__proto__\n1\n', /a\.csv:1: a column cannot have this name/u],
    ['no rows', 'a,b\n', /a\.csv has no rows\s+received: a header of 2 columns/u],
    ['blank lines alone', '\n\n', /a\.csv has no rows\s+received: no line with text/u],
    ['nothing', '', /a\.csv is empty/u],
    ['a zero byte', 'a\n1\n\0\n', /a\.csv:3: this is no text/u],
    ['Latin-1', Buffer.from('a\nok\ncaf\xe9\n', 'latin1'), /a\.csv:3: this is not UTF-8\s+received: caf\uFFFD/u],
    ['UTF-16', Buffer.from('a,b\n1,2\n', 'utf16le'), /a\.csv:1: this is no text/u],
  ])('%s', (_what, content, message) => {
    expect(() => parse(content)).toThrow(message);
  });
});

describe('readTable', () => {
  it('gives an Arquero table of a file, gzipped or not', async () => {
    const table = await readTable(await file('a.csv', 'x,y\n1,a\n,b\n'));
    expect(table.objects()).toEqual([
      { x: 1, y: 'a' },
      { x: null, y: 'b' },
    ]);
    const zipped = await readTable(await file('b.tsv.gz', gzipSync('10\t2\n1\t2\n')));
    expect(zipped.columnNames()).toEqual(['10', '2']); // in the order of the file, though they look like numbers
    expect((await readTable(await file('c.csv', gzipSync('x\n1\n')))).numRows()).toBe(1);
    await expect(readTable(await file('cut.csv.gz', gzipSync('x\n1\n').subarray(0, 15)))).rejects.toThrow(
      'readTable: the gzip file is damaged or cut off',
    );
  });

  it('knows the data sets that are tables', async () => {
    expect((await readTable('digits')).numCols()).toBe(65);
    await expect(readTable('no_such')).rejects.toThrow(
      /data sets breast_cancer, credit_data, digits, german_credit, wordnet/u,
    );
    await expect(readTable('brown')).rejects.toThrow("load('brown') reads documents");
    await expect(readTable(folder)).rejects.toThrow('no such data set or file');
    await expect(load('credit_data')).rejects.toThrow('readTable reads tables');
  });

  it('types the columns that were asked for', async () => {
    const table = await readTable('credit_data', { columns: { Age: 'number', Home: 'string' } });
    expect(table.columnNames()).toEqual(['Home', 'Age']); // in the order of the file
    // @ts-expect-error no such kind
    await expect(readTable('credit_data', { columns: { Home: 'text' } })).rejects.toThrow(
      /no kind text[\s\S]*number, string or boolean/u,
    );
  });
});
