import { expect, test } from 'vitest';
import { document } from '../../src/data/document.js';
import { numbersOf, stratumOf } from '../../src/data/stratum.js';

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
