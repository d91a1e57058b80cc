import { describe, expect, it } from 'vitest';
import { checkParameters, ownParameters } from '../../src/report/chapter-parameters.js';

const cells = [
  "import { parameters } from 'trainbook/notebook';",
  "const { steps, sizes } = parameters({ steps: 360, sizes: [512, 1_024], rate: -1e-3, name: 'a', quick: false, more: { depth: 2 }, computed: 2 * 512 });",
];

describe('the parameters of a chapter', () => {
  it('are read from its text', async () => {
    expect(Object.fromEntries((await ownParameters(cells)) ?? [])).toEqual({
      steps: 360,
      sizes: [512, 1024],
      rate: -0.001,
      name: 'a',
      quick: false,
      more: { depth: 2 },
      computed: undefined,
    });
    expect(await ownParameters(['parameters(given)', '// parameters({ steps: 1 })'])).toBeUndefined();
  });

  it('take the place of values of the same type, by names that are there', async () => {
    const own = await ownParameters(cells);
    const check = (given: Parameters<typeof checkParameters>[2]) => (): void => {
      checkParameters('01.ipynb', own, given);
    };
    expect(check({ steps: 20, sizes: [256], rate: 1, name: 'b', quick: true, computed: 'anything' })).not.toThrow();
    expect(check({ sizes: [] })).not.toThrow();
    expect(check({ step: 20 })).toThrow(
      '01.ipynb has no parameter of this name\n  received: step\n' +
        '  expected: one of steps, sizes, rate, name, quick, more, computed\n  to fix: did you mean steps?',
    );
    expect(check({ steps: '20' })).toThrow('received: "20"\n  expected: a number, such as 360');
    expect(check({ sizes: ['512'] })).toThrow('received: ["512"]\n  expected: a list of numbers, such as [512,1024]');
    expect(check({ quick: 1 })).toThrow('expected: a boolean, such as false');
    expect(() => {
      checkParameters('02.ipynb', undefined, { steps: 1 });
    }).toThrow('expected: a chapter with a cell parameters({ … })');
  });
});
