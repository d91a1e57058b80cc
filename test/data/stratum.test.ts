import { expect, test } from 'vitest';
import { document } from '../../src/data/document.js';
import { eachRow, numbersOf, stratumOf } from '../../src/data/stratum.js';

test('a stratum is a field or what a function says; what is not there has a name too', () => {
  const one = document({ text: 'a', source: 's', domain: 'd' });
  expect([stratumOf('domain')(one), stratumOf('language')(one), stratumOf(({ text }) => text)(one)]).toEqual([
    'd',
    'no language',
    'a',
  ]);
});

test('a name’s numbers are whole, of 32 and 52 bits, and its own', () => {
  const [group, rest] = numbersOf('encyclopedia');
  expect([group >>> 0, Number.isSafeInteger(rest)]).toEqual([group, true]);
  expect(numbersOf('encyclopedia')).toEqual([group, rest]);
  expect(numbersOf('web')).not.toEqual([group, rest]);
});

test('rows one by one, from an array of each and from one array of all', () => {
  const rows = [Float64Array.of(1, 2), Float64Array.of(3, 4)];
  expect([...eachRow(rows)]).toEqual(rows);
  expect([...eachRow({ length: 2, width: 2, values: Float64Array.of(1, 2, 3, 4) })]).toEqual(rows);
});
