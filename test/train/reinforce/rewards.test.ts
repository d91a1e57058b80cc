import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateArithmetic } from '../../../src/train/reinforce/arithmetic.js';
import { lastNumber, markedAnswer } from '../../../src/train/reinforce/final-answer.js';
import { equalRationals, parseRational, rational } from '../../../src/train/reinforce/rational.js';
import { checkedReward, scoreAnswers, type Reward } from '../../../src/train/reinforce/reward.js';
import { taggedFormat } from '../../../src/train/reinforce/tagged-format.js';
import { arithmeticGoal, exactAnswer, hasFormat } from '../../../src/train/reinforce/verifiable-rewards.js';

const reasoning = taggedFormat('think', 'answer');
const prompt = 'How many?';

describe('final answers', () => {
  it.each([
    ['16 - 3 - 4 = 9\n#### 18', '18'],
    ['#### 1\nNo: #### 1,250 \nDone.', '1,250'],
    [String.raw`so \boxed{\frac{1}{2}}. Check: 1.`, String.raw`\frac{1}{2}`],
    [String.raw`\boxed{3}, no, \boxed{4}`, '4'],
    [String.raw`\boxed{3`, undefined],
    ['the answer is 3', undefined],
  ])('marked in %j: %j', (text, expected) => {
    expect(markedAnswer(text)).toBe(expected);
  });

  it.each([
    ['The total is 1,250 apples.', '1,250'],
    ['10-3=7', '7'],
    ['it is 10-3', '3'],
    ['It fell to -3.', '-3'],
    ['one of 1, 2, 3', '3'],
    ['about 3/4 of it', '3/4'],
    ['$12.50 each', '$12.50'],
    ['at .5', '.5'],
    ['none', undefined],
  ])('the last number of %j: %j', (text, expected) => {
    expect(lastNumber(text)).toBe(expected);
  });
});

describe('numbers', () => {
  it.each([
    ['1,000', '1000.0'],
    ['$12.50', '12.5'],
    ['−3', '-3.00'],
    ['3/4', '0.75'],
    [String.raw`$\frac{3}{4}$`, '.75'],
    [String.raw`-\frac{3}{4}`, '-0.75'],
    ['50 %', '50'],
    ['- $ 3', '-3'],
    ['3 / 4', '0.75'],
    ['1e3', '1000'],
    [String.raw`1{,}000`, '1000'],
    ['9007199254740993', '9007199254740993.0'],
  ])('%s is %s', (a, b) => {
    expect(parseRational(a)).toBeDefined();
    expect(parseRational(a)).toEqual(parseRational(b));
  });

  it.each([
    '',
    '-',
    '1 2',
    '1 1/2',
    '1,00',
    '1,0000',
    '1.2.3',
    '3/0',
    '1e999',
    '1/2/3',
    'ten',
    '--3',
    'Infinity',
    '0x10',
  ])('%j is none', (text) => {
    expect(parseRational(text)).toBeUndefined();
  });

  it('neighbours beyond float64 differ', () => {
    expect(parseRational('9007199254740993')).not.toEqual(parseRational('9007199254740992'));
  });

  it('reads what JavaScript writes, with or without commas', () => {
    fc.assert(
      fc.property(fc.integer(), (n) => {
        expect(parseRational(String(n))).toEqual(rational(BigInt(n)));
        expect(parseRational(n.toLocaleString('en'))).toEqual(rational(BigInt(n)));
      }),
    );
  });
});

describe('exactAnswer', () => {
  const reward = exactAnswer();
  it.each([
    ['12 * 12 = 144.0', '144', 1],
    ['#### 1,000', '1000', 1],
    ['#### 1000', 'He has 10 * 100 = 1000.\n#### 1,000', 1],
    ['#### 18 dollars', '18', 1],
    ['18, or 19', '18', 0],
    ['', '18', 0],
    ['no number', '18', 0],
    [String.raw`\boxed{ Paris. }`, 'paris', 1],
    ['Paris', 'Paris', 1],
    ['Not Paris', 'Paris', 0],
  ])('%j for %j: %d', (completion, answer, expected) => {
    expect(reward({ prompt, completion, answer })).toBe(expected);
  });

  it('reads where it is told to', () => {
    const tagged = exactAnswer({ read: (text) => reasoning.read(text)?.answer });
    expect(tagged({ prompt, completion: '<think>3?</think><answer>4</answer>', answer: '4.0' })).toBe(1);
    expect(tagged({ prompt, completion: '4', answer: '4' })).toBe(0);
  });
});

describe('taggedFormat', () => {
  it('reads the sections, typed by their tags', () => {
    const read = reasoning.read(' <think>\n2 + 2\n</think>\n<answer>4</answer>\n');
    expect(read).toEqual({ think: '2 + 2', answer: '4' });
    // @ts-expect-error there is no such section
    expect(read?.thought).toBeUndefined();
  });

  it.each([
    '<answer>4</answer><think>a</think>',
    '<think>a</think>4<answer>4</answer>',
    '<think>a</think><answer></answer>',
    '<think>a</think><answer>4</answer> and more',
    '<think><think>a</think></think><answer>4</answer>',
    '<think>a</think><answer>4',
    '<think>a<answer>3</answer></think><answer>4</answer>',
    '',
  ])('refuses %j', (completion) => {
    expect(hasFormat(reasoning)({ prompt, completion, answer: undefined })).toBe(0);
  });

  it('refuses tags that are no words, or given twice', () => {
    expect(() => taggedFormat('<think>')).toThrow(/different words/);
    expect(() => taggedFormat('a', 'a')).toThrow(/different words/);
  });
});

describe('evaluateArithmetic', () => {
  it.each([
    ['1 + 2 * 3', '7'],
    ['(1/3 + 2) * 3', '7'],
    ['2 ^ 3 ^ 2', '512'],
    ['-2 ** 2', '-4'],
    ['2 ^ -2', '1/4'],
    ['8 ÷ 2 × (2 + 2)', '16'],
    ['10 - 4 - 3', '3'],
    ['0.1 + 0.2', '0.3'],
    ['1,000 / 8', '125'],
    ['--3', '3'],
  ])('%s = %s', (text, expected) => {
    expect(evaluateArithmetic(text).value).toEqual(parseRational(expected));
  });

  it.each([
    ['1 / (2 - 2)', /divides by 0/],
    ['0 ^ -1', /divides by 0/],
    ['(1 + 2', /not closed/],
    ['1 +', /no number at its end/],
    ['1 2', /goes on with 2/],
    ['process.exit()', /something else at process/],
    ['constructor', /something else/],
    ['2 ^ 0.5', /whole number/],
    ['9 ^ 9 ^ 9', /whole number/],
    ['(9 ^ 999) ^ 999', /more than 10000 digits/],
    ['('.repeat(200), /nested more than/],
    ['1+'.repeat(600), /longer than/],
    ['', /no number/],
  ])('refuses %j', (text, message) => {
    expect(() => evaluateArithmetic(text)).toThrow(message);
  });

  it('equals JavaScript’s arithmetic on whole numbers', () => {
    const leaf = fc.integer({ min: 0, max: 50 }).map((n) => ({ text: String(n), value: n }));
    const { tree } = fc.letrec<{ tree: { text: string; value: number } }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.tuple(tie('tree'), fc.constantFrom('+', '-', '*'), tie('tree')).map(([a, sign, b]) => ({
          text: `(${a.text} ${sign} ${b.text})`,
          value: sign === '+' ? a.value + b.value : sign === '-' ? a.value - b.value : a.value * b.value,
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, ({ text, value }) => {
        fc.pre(text.length < 1000 && Number.isSafeInteger(value));
        expect(equalRationals(evaluateArithmetic(text).value, rational(BigInt(value)))).toBe(true);
      }),
    );
  });
});

describe('arithmeticGoal', () => {
  const reward = arithmeticGoal();
  const answer = { target: '24', numbers: ['4', '6', '8', '2'] };
  it.each([
    ['(8 - 4) * 6 * 2 / 2', 0],
    ['6 * 8 / (4 - 2)', 1],
    ['Let us see.\n6 * 8 / (4 - 2) = 24', 1],
    ['6 * 8 / (4 - 2) = 25', 0],
    [String.raw`\boxed{8 * 6 / (4 - 2)}`, 1],
    ['4 * 6', 0],
    ['24', 0],
    ['6 * 8 / (2 - 2)', 0],
    ['', 0],
  ])('%j: %d', (completion, expected) => {
    expect(reward({ prompt, completion, answer })).toBe(expected);
  });

  it('without numbers any do; a wrong goal is an error', () => {
    expect(reward({ prompt, completion: '3 * 8', answer: { target: '24.0' } })).toBe(1);
    expect(() => reward({ prompt, completion: '1', answer: { target: 'x' } })).toThrow(/no number[\s\S]*received: x/);
  });
});

describe('checked rewards', () => {
  const sample = { prompt, completion: 'seven', answer: '7' };

  it('passes numbers on', () => {
    expect(checkedReward('length', ({ completion }) => completion.length)(sample)).toBe(5);
    const scores = scoreAnswers({ correct: exactAnswer(), format: hasFormat(reasoning) }, [sample, { ...sample, completion: '7' }]); // prettier-ignore
    expect(scores).toEqual({ correct: [0, 1], format: [0, 0] });
  });

  it.each<[string, Reward, RegExp]>([
    [
      'NaN',
      ({ completion }) => Number(completion),
      /received: NaN, for prompt "How many\?", completion "seven", answer "7"/,
    ],
    ['infinity', () => 1 / 0, /received: Infinity/],
    ['a throw', () => JSON.parse('{') as number, /reward correct of sample 0 has thrown[\s\S]*received: .*JSON/],
    ['nothing', (() => undefined) as unknown as Reward, /received: undefined \(undefined\)/],
    ['a promise', (() => Promise.resolve(1)) as unknown as Reward, /a promise: rewards are not async/],
    ['a text', (() => '1') as unknown as Reward, /received: "1" \(string\)/],
  ])('names the reward, the sample and the value: %s', (_, correct, message) => {
    expect(() => scoreAnswers({ correct }, [sample])).toThrow(message);
    expect(() => checkedReward('correct', correct)(sample)).toThrow(/^reward correct /);
  });

  it('the type of the answer follows the reward', () => {
    // @ts-expect-error this goal is a text
    expect(() => arithmeticGoal()(sample)).toThrow();
    const longest = checkedReward('any', () => 0)({ prompt: 'x'.repeat(500), completion: '', answer: 10n });
    expect(longest).toBe(0);
  });
});
