import { table } from 'arquero';
import * as danfo from 'danfojs-node';
import { describe, expect, it } from 'vitest';
import { fromDanfo, toDanfo } from '../../../src/data/table/danfo.js';
import { dropMissing } from '../../../src/data/table/drop-missing.js';
import { readTable } from '../../../src/data/table/read-table.js';

const day = new Date('2019-04-01');
const rows = {
  income: [1.5, null, Infinity, -Infinity],
  job: ['fixed', null, '自由职业', ''],
  owner: [true, false, true, false],
  since: [day, day, day, day],
};

describe('frames of danfojs', () => {
  it('go there and back: NaN is missing, infinite numbers, strings and dates stay', async () => {
    const frame = toDanfo(table(rows), danfo);
    expect(frame.shape).toEqual([4, 4]);
    expect(frame.column('income').values).toEqual([1.5, NaN, Infinity, -Infinity]);
    expect(frame.isNa().values.flat().filter(Boolean)).toHaveLength(2);
    const back = await fromDanfo(frame);
    expect(Object.fromEntries(back.columnNames().map((name) => [name, back.array(name)]))).toEqual(rows);
  });

  it('count and compute as danfojs does', async () => {
    const credit = await readTable('credit_data');
    const frame = toDanfo(credit, danfo);
    const complete = await fromDanfo(frame.dropNa());
    expect(complete.objects()).toEqual(dropMissing(credit).table.objects());
    const grouped = await fromDanfo(frame.groupby(['Status']).col(['Age']).mean());
    expect(grouped.columnNames()).toEqual(['Status', 'Age_mean']);
  });

  it('refuse what is no table', async () => {
    await expect(fromDanfo({ columns: ['a'], values: [1, 2] })).rejects.toThrow(/this is no frame[\s\S]*Series/u);
    await expect(fromDanfo({ columns: ['a', 'a'], values: [[1, 2]] })).rejects.toThrow('two columns have one name');
    await expect(fromDanfo({ columns: ['a'], values: [[1], ['x']] })).rejects.toThrow('values of two kinds');
    await expect(fromDanfo({ columns: ['a'], values: [] })).rejects.toThrow('has no rows');
    expect(() => toDanfo(table({ a: [] }), danfo)).toThrow('the table has no rows');
  });
});
