import fc from 'fast-check';
import { expect, it } from 'vitest';
import { statedAnswer } from '../../../src/data/post-training/index.js';

it.each([
  ['way\n#### 42', '42', 42],
  ['#### 1\nno, #### -1,234.50 \nend', '-1234.5', -1234.5],
  ['#### $ 70', '70', 70],
  ['70%', '70', 70],
  ['\\boxed{1} then \\boxed{\\dfrac{6}{8}}', '3/4', 0.75],
  ['-6 / 3', '-2', -2],
  ['−0', '0', 0],
  ['+007', '7', 7],
  ['.50', '0.5', 0.5],
  ['3.', '3', 3],
  ['５６。', '56', 56],
  ['4287.5', '4287.5', 4287.5],
  ['12345678901234567890', '12345678901234567890', 12345678901234567890],
])('%j is %s', (given, text, value) => {
  expect(statedAnswer(given)).toEqual({ text, value });
});

it.each(['', '####', 'x + 1', '18 eggs', '1 2', '1,23', '1/0', '1e5', '.', '-', '1.2.3', '1/2/3', '\\boxed{x}'])(
  '%j is none',
  (given) => {
    expect(statedAnswer(given)).toBeUndefined();
  },
);

it('numbers in any spelling are one', () => {
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom('', '.0', '.', '/1'), fc.boolean(), (number, end, grouped) => {
      const digits = grouped ? Math.abs(number).toLocaleString('en-US') : String(Math.abs(number));
      const given = `#### ${number < 0 ? '-' : ''}${digits}${end}`;
      expect(statedAnswer(given)).toEqual({ text: String(number), value: number });
    }),
  );
});
