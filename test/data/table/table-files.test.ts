import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { table } from 'arquero';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingWords } from '../../../src/data/table/column-kind.js';
import { readTable } from '../../../src/data/table/read-table.js';
import { writeTable } from '../../../src/data/table/write-table.js';
import files from './fixtures/files.json' with { type: 'json' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}
const fixture = (name: keyof typeof files): Buffer => Buffer.from(files[name], 'base64');

const since = new Date('2019-04-01T12:30:00Z');
const expected = {
  age: [30, null, 41],
  income: [1.5, NaN, Infinity],
  job: ['fixed', null, '自由职业'],
  owner: [true, false, null],
  since: [since, null, since],
  id: ['1', '2', '9007199254740993'], // one would be rounded
  home: ['rent', 'own', 'rent'],
};

describe('readTable, of what pyarrow wrote', () => {
  it.each([
    ['snappy', 'parquet'],
    ['zstd', 'parquet'],
    ['arrow', 'arrow'],
    ['arrow', 'feather'],
    ['stream', 'arrow'],
  ] as const)('reads %s as .%s', async (name, ending) => {
    const found = await readTable(await file(`${name}.${ending}`, fixture(name)));
    expect(Object.fromEntries(found.columnNames().map((column) => [column, found.array(column)]))).toEqual(expected);
    const some = await readTable(join(folder, `${name}.${ending}`), { columns: { since: 'string', age: 'number' } });
    expect(some.columnNames()).toEqual(['age', 'since']);
    expect(some.array('since')).toEqual([since.toISOString(), null, since.toISOString()]);
  });

  it.each([
    ['snappy', 'parquet', 'Parquet'],
    ['arrow', 'arrow', 'Arrow'],
    ['stream', 'arrow', 'Arrow'],
  ] as const)('names a %s file that is cut off anywhere', async (name, ending, format) => {
    const whole = fixture(name);
    const path = join(folder, `cut.${ending}`);
    for (const length of [0, 3, 4, 8, 40, Math.floor(whole.length / 2), whole.length - 9, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readTable(path)).rejects.toThrow(`readTable: this ${format} file is damaged or cut off`);
    }
  });

  it('names one whose middle is damaged, a text that is none, and compressed Arrow', async () => {
    const damaged = Buffer.from(fixture('snappy')).fill(
      0xff,
      fixture('snappy').length - 300,
      fixture('snappy').length - 8,
    );
    await expect(readTable(await file('d.parquet', damaged))).rejects.toThrow('Parquet file is damaged');
    await expect(readTable(await file('t.arrow', 'age,job\n1,2\n'))).rejects.toThrow('Arrow file is damaged');
    await expect(readTable(await file('l.arrow', fixture('lz4')))).rejects.toThrow(
      /compressed in a way that is not read[\s\S]*without compression/u,
    );
  });

  it('refuses two columns of one name, no rows, wrong columns and kinds, and options of CSV', async () => {
    await expect(readTable(await file('2.arrow', fixture('twice')))).rejects.toThrow(
      /two columns have one name\s+received: a, columns 1, 2/u,
    );
    await expect(readTable(await file('2.parquet', fixture('twiceParquet')))).rejects.toThrow(
      'two columns have one name',
    );
    await expect(readTable(await file('0.parquet', fixture('empty')))).rejects.toThrow('has no rows');
    const path = await file('w.parquet', fixture('snappy'));
    await expect(readTable(path, { columns: { wage: 'number' } })).rejects.toThrow('there is no column wage');
    await expect(readTable(path, { columns: { job: 'number' } })).rejects.toThrow(
      /row 0: column job has a value that is no number/u,
    );
    await expect(readTable(path, { delimiter: ';' })).rejects.toThrow('{ delimiter } is for CSV');
  });
});

describe('readTable, of JSON Lines', () => {
  it('takes fields that come late or are not there as missing', async () => {
    const rows = await readTable(await file('a.jsonl', '{"a": 1}\n\n{"b": "x", "a": null}\n{"a": 2.5, "b": "y"}\n'));
    expect(rows.objects()).toEqual([
      { a: 1, b: null },
      { a: null, b: 'x' },
      { a: 2.5, b: 'y' },
    ]);
  });

  it('names the line of what is wrong', async () => {
    const wrong = async (content: string | Uint8Array, pattern: RegExp): Promise<void> => {
      await expect(readTable(await file('w.jsonl', content))).rejects.toThrow(pattern);
    };
    await wrong('{"a": 1}\n{"a": 2\n', /w\.jsonl:2 is not JSON/u);
    await wrong('{"a": NaN}\n', /w\.jsonl:1 is not JSON/u);
    await wrong('{"a": 1}\n\n[1]\n', /w\.jsonl:3 is no row/u);
    await wrong('{"a": 1}\n\n{"a": "x"}\n', /w\.jsonl:3: column a has values of two kinds\s+received: "x" after 1/u);
    await wrong('', /w\.jsonl is empty/u);
    await wrong('\n \n', /has no rows/u);
    await wrong(Uint8Array.of(0x7b, 0xff, 0x7d), /w\.jsonl:1: this is not UTF-8/u);
  });
});

describe('writeTable', () => {
  const string = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !missingWords.includes(text));
  const column = <T>(values: fc.Arbitrary<T>) => fc.array(fc.option(values), { minLength: 4, maxLength: 4 });

  it.each(['csv', 'csv.gz', 'tsv', 'jsonl', 'parquet', 'arrow'])(
    'gives back from .%s what was written',
    async (ending) => {
      const path = join(folder, `round.${ending}`);
      const numbers = fc.double({ noNaN: true, noDefaultInfinity: ending === 'jsonl' });
      await fc.assert(
        fc.asyncProperty(column(numbers), column(string), column(fc.boolean()), async (n, s, b) => {
          await writeTable(table({ n, s, 'b, "quoted"': b }), path);
          const columns = { n: 'number', s: 'string', 'b, "quoted"': 'boolean' } as const;
          const read = await readTable(path, { columns });
          expect([read.array('n'), read.array('s'), read.array('b, "quoted"')]).toEqual([
            // JSON knows no −0.
            ending === 'jsonl' ? n.map((value) => (value === 0 ? 0 : value)) : n,
            s,
            b,
          ]);
        }),
        { numRuns: 25 },
      );
    },
  );

  it('keeps dates where the format has them', async () => {
    const dates = table({ d: [since, null] });
    for (const ending of ['parquet', 'arrow']) {
      await writeTable(dates, join(folder, `d.${ending}`));
      expect((await readTable(join(folder, `d.${ending}`))).array('d')).toEqual([since, null]);
    }
    await writeTable(dates, join(folder, 'd.csv'));
    expect(await readFile(join(folder, 'd.csv'), 'utf8')).toBe('d\n2019-04-01T12:30:00.000Z\n\n');
  });

  it('writes the rows that Arquero shows, and does not touch a file when it fails', async () => {
    const path = join(folder, 'shown.csv');
    await writeTable(
      table({ x: [1, 2, 3] })
        .filter('d => d.x > 1')
        .orderby('x'),
      path,
    );
    await expect(writeTable(table({ x: ['NA'] }), path)).rejects.toThrow(
      /cannot tell from a missing value\s+received: "NA" in row 0/u,
    );
    expect(await readFile(path, 'utf8')).toBe('x\n2\n3\n');
  });

  it('refuses what it cannot write', async () => {
    const wrong = async (data: Record<string, unknown[]>, name: string, pattern: RegExp): Promise<void> => {
      await expect(writeTable(table(data), join(folder, name))).rejects.toThrow(pattern);
    };
    await wrong({ x: [1] }, 'x.xlsx', /no format of this ending/u);
    await wrong({ x: [1] }, 'x.parquet.gz', /no format of this ending/u);
    await wrong({ x: [] }, 'x.csv', /the table is empty/u);
    await wrong({ x: [1, 'a'] }, 'x.csv', /values of the kinds number, string/u);
    await wrong({ x: [{ a: 1 }] }, 'x.csv', /values that are objects/u);
    await wrong({ x: [Infinity] }, 'x.jsonl', /a number that JSON cannot hold/u);
    const inFile = join(await file('file', ''), 'x.csv');
    await expect(writeTable(table({ x: [1] }), inFile)).rejects.toThrow('writeTable: cannot write the file');
  });
});
