import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { ablation, isAblation } from '../../../src/experiment/ablations/ablation.js';
import type { ConfigPath, ValueAt } from '../../../src/experiment/ablations/axes.js';
import { experiment } from '../../../src/experiment/experiment.js';

const schema = z.strictObject({
  model: z
    .strictObject({
      width: z.int().positive(),
      heads: z.int().positive(),
      norm: z.enum(['rms', 'layer']),
      window: z.strictObject({ size: z.int() }).optional(),
    })
    .check(({ value, issues }) => {
      if (value.width % value.heads !== 0) {
        issues.push({ code: 'custom', input: value.heads, path: ['heads'], message: 'heads must divide width' });
      }
    }),
  optimizer: z.discriminatedUnion('name', [
    z.strictObject({ name: z.literal('adam'), beta: z.number() }),
    z.strictObject({ name: z.literal('sgd'), momentum: z.number(), nesterov: z.boolean() }),
  ]),
  shares: z.record(z.string(), z.number()),
  steps: z.int().default(10),
  words: z.array(z.string()),
});
type Config = z.input<typeof schema>;

const base = experiment('base', schema, {
  model: { width: 8, heads: 2, norm: 'rms' },
  optimizer: { name: 'adam', beta: 0.9 },
  shares: { a: 1 },
  words: ['to', 'be'],
})
  .stage('fit', ({ config }) => ({ loss: config.steps }))
  .stage('score', ({ fit }) => ({ bits: fit.loss / 2, title: 'half' }));

const rest = {
  seeds: [1, 2],
  measure: ({ score }: { readonly score: { readonly bits: number } }) => score.bits,
  label: 'bits',
  better: 'lower',
} as const;

/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-member-access --
   what does not compile has no type */
describe('types', () => {
  test('paths and what stands at them', () => {
    expectTypeOf<'model.norm'>().toExtend<ConfigPath<Config>>();
    expectTypeOf<'optimizer.nesterov'>().toExtend<ConfigPath<Config>>();
    expectTypeOf<'shares.brown'>().toExtend<ConfigPath<Config>>();
    expectTypeOf<'model.nrom'>().not.toExtend<ConfigPath<Config>>();
    expectTypeOf<'words.0'>().not.toExtend<ConfigPath<Config>>();
    expectTypeOf<ValueAt<Config, 'model.norm'>>().toEqualTypeOf<'rms' | 'layer'>();
    expectTypeOf<ValueAt<Config, 'model.window.size'>>().toEqualTypeOf<number>();
    // A discriminator has the values of all members; a key of one member the values it has there.
    expectTypeOf<ValueAt<Config, 'optimizer.name'>>().toEqualTypeOf<'adam' | 'sgd'>();
    expectTypeOf<ValueAt<Config, 'optimizer.momentum'>>().toEqualTypeOf<number>();
    expectTypeOf<ValueAt<Config, 'shares.brown'>>().toEqualTypeOf<number>();
    expectTypeOf<ValueAt<Config, 'steps'>>().toEqualTypeOf<number | undefined>();
  });

  test('what fits compiles', () => {
    const one = ablation(base, {
      ...rest,
      axes: {
        'model.norm': ['rms', 'layer'],
        steps: [10, 20],
        'model.window': [undefined, { size: 4 }],
        optimizer: [
          { name: 'adam', beta: 0.9 },
          { name: 'sgd', momentum: 0.9, nesterov: true },
        ],
        words: [['to', 'be'], ['or']],
      },
      measure: ({ score, fit, config, metrics }) => score.bits + fit.loss + config.steps + metrics.length,
      also: { loss: ({ fit }) => fit.loss },
    });
    expect(one.arms).toHaveLength(32);
    expect(isAblation(one)).toBe(true);
    expect(isAblation(base)).toBe(false);
  });

  test('what does not fit does not compile, and is refused at run time', () => {
    const axes = { 'model.norm': ['rms', 'layer'] } as const;
    // @ts-expect-error no such path
    expect(() => ablation(base, { ...rest, axes: { 'model.nrom': ['rms'] } })).toThrow(
      'unknown config path model.nrom; nearest: model.norm',
    );
    // @ts-expect-error no such value
    expect(() => ablation(base, { ...rest, axes: { 'model.norm': ['rms', 'batch'] } })).toThrow(
      /ablation base: arm norm=batch: model\.norm: .*got "batch"/u,
    );
    // @ts-expect-error a value of another type
    expect(() => ablation(base, { ...rest, axes: { steps: [10, '20'] } })).toThrow(/arm steps=20: steps: .*got "20"/u);
    // @ts-expect-error an axis is a list
    expect(() => ablation(base, { ...rest, axes: { 'model.norm': 'rms' } })).toThrow();
    expect(() =>
      // @ts-expect-error only numbers have intervals
      ablation(base, { ...rest, axes: { 'model.norm': { from: 1, to: 2 } }, design: { random: 3 } }),
    ).toThrow(/model\.norm/u);
    expect(() =>
      ablation(base, {
        ...rest,
        // @ts-expect-error a shape that no member of the union has
        axes: { optimizer: [{ name: 'sgd', beta: 1 }] },
        design: 'paired',
      }),
    ).toThrow(/arm optimizer=\{"name":"sgd","beta":1\}: .*optimizer/u);
    // @ts-expect-error no such stage
    ablation(base, { ...rest, axes, measure: ({ scores }) => scores.bits });
    // @ts-expect-error no such field
    ablation(base, { ...rest, axes, measure: ({ score }) => score.bitsPerByte });
    // @ts-expect-error a measure is a number
    ablation(base, { ...rest, axes, measure: ({ score }) => score.title });
    // @ts-expect-error neither lower nor higher
    ablation(base, { ...rest, axes, better: 'smaller' });
    expect(() =>
      // @ts-expect-error rungs are of a number
      ablation(base, { ...rest, axes, halving: { path: 'model.norm', rungs: [1, 2], keep: 0.5 } }),
    ).toThrow(/model\.norm/u);
    // @ts-expect-error the baseline is an arm
    expect(() => ablation(base, { ...rest, axes, baseline: { 'model.norm': 'batch' } })).toThrow(/no such arm/u);
    // @ts-expect-error the config has no such field
    expect(() => ablation(base, { ...rest, axes, config: { stepz: 1 } })).toThrow(/nearest: steps/u);
    const { label, ...unnamed } = rest;
    // @ts-expect-error what is measured has a label
    expect(ablation(base, { ...unnamed, axes }).measure).not.toBe(label);
  });
});

describe('arms', () => {
  test('a grid has all combinations, and the base among them is the baseline', () => {
    const {
      arms,
      baseline,
      base: config,
    } = ablation(base, {
      ...rest,
      axes: { 'model.norm': ['layer', 'rms'], steps: [10, 20] },
    });
    expect(arms.map(({ name }) => name)).toEqual([
      'norm=layer, steps=10',
      'norm=layer, steps=20',
      'norm=rms, steps=10',
      'norm=rms, steps=20',
    ]);
    expect(baseline).toBe('norm=rms, steps=10');
    expect(arms[1]?.settings).toEqual({ 'model.norm': 'layer', steps: 20 });
    expect(config).toMatchObject({ steps: 10 }); // as parsed
  });

  test('a grid without the base needs a baseline by name', () => {
    const axes = { steps: [20, 40], 'model.norm': ['rms', 'layer'] } as const;
    expect(() => ablation(base, { ...rest, axes })).toThrow(/no arm of the grid has the base's own values/u);
    expect(ablation(base, { ...rest, axes, baseline: { steps: 40, 'model.norm': 'rms' } }).baseline).toBe(
      'steps=40, norm=rms',
    );
  });

  test('paired: each value alone beside the base', () => {
    const { arms, baseline } = ablation(base, {
      ...rest,
      design: 'paired',
      axes: { 'model.norm': ['rms', 'layer'], steps: [10, 20, 40], 'model.window': [{ size: 4 }] },
    });
    expect(arms.map(({ name }) => name)).toEqual(['base', 'norm=layer', 'steps=20', 'steps=40', 'window={"size":4}']);
    expect(arms[0]?.settings).toEqual({});
    expect(baseline).toBe('base');
  });

  test('config changes the base of all arms', () => {
    const found = ablation(base, { ...rest, config: { steps: 3 }, axes: { steps: [3, 6] } });
    expect(found.baseline).toBe('steps=3');
    expect(found.base).toMatchObject({ steps: 3 });
  });

  test('names are as long as it takes to tell paths apart', () => {
    const two = experiment('two', z.object({ a: z.object({ x: z.int() }), b: z.object({ x: z.int(), y: z.int() }) }), {
      a: { x: 1 },
      b: { x: 1, y: 1 },
    }).stage('score', () => ({ bits: 1, title: '' }));
    const { arms } = ablation(two, { ...rest, axes: { 'a.x': [1], 'b.x': [1], 'b.y': [1] } });
    expect(arms[0]?.name).toBe('a.x=1, b.x=1, y=1');
  });

  test('a rule across fields is checked for every arm', () => {
    expect(() => ablation(base, { ...rest, axes: { 'model.heads': [2, 3, 4] } })).toThrow(
      'ablation base: arm heads=3: model.heads: heads must divide width (got 3)',
    );
    expect(() =>
      ablation(base, {
        ...rest,
        axes: { 'model.heads': [2] },
        halving: { path: 'model.width', rungs: [8, 9], keep: 0.5 },
      }),
    ).toThrow(/arm heads=2: model\.heads: heads must divide width/u);
  });

  test('runs may end before stages that no measure looks at', () => {
    const axes = { 'model.norm': ['rms', 'layer'] } as const;
    const measure = ({ fit }: { readonly fit: { readonly loss: number } }): number => fit.loss;
    expect(ablation(base, { ...rest, axes, measure, to: 'fit' }).to).toBe('fit');
    expect(() => ablation(base, { ...rest, axes, to: 'fit' })).toThrow(/the runs end before a stage that is measured/u);
    // @ts-expect-error no such stage
    expect(() => ablation(base, { ...rest, axes, to: 'fits' })).toThrow(/no stage to end at/u);
  });

  test.each([
    ['no axes', { axes: {} }, /nothing to vary/u],
    ['no seeds', { seeds: [] }, /seeds are different integers/u],
    ['a seed twice', { seeds: [1, 1] }, /seeds are different integers/u],
    ['an axis without values', { axes: { steps: [] } }, /axis steps has no values/u],
    ['a value twice', { axes: { steps: [10, 10] } }, /axis steps has a value twice/u],
    ['an interval in a grid', { axes: { steps: { from: 1, to: 9 } } }, /only a random search can draw/u],
    [
      'an interval the wrong way',
      { axes: { steps: { from: 9, to: 1 } }, design: { random: 2 } },
      /no number can be drawn/u,
    ],
    [
      'a log from 0',
      { axes: { steps: { from: 0, to: 1, scale: 'log' } }, design: { random: 2 } },
      /no number can be drawn/u,
    ],
    ['too many arms', { axes: { 'model.norm': ['rms', 'layer'] }, design: { random: 2 } }, /too few values/u],
    ['rungs that fall', { halving: { path: 'steps', rungs: [9, 3], keep: 0.5 } }, /rising rungs/u],
    [
      'a rung that is an axis',
      { axes: { steps: [10] }, halving: { path: 'steps', rungs: [3, 9], keep: 0.5 } },
      /take it out of the axes/u,
    ],
    ['undefined for what the base has', { axes: { 'model.norm': [undefined] } }, /the base has a value there/u],
    ['a label twice', { also: { bits: () => 1 } }, /label of its own/u],
    ['a name that is no folder', { name: 'a/b' }, /cannot be a file's name/u],
  ])('%s is refused', (_what, options, message) => {
    const all = { ...rest, axes: { 'model.norm': ['rms', 'layer'] }, ...options };
    expect(() => ablation(base, all as never)).toThrow(message);
  });
});

describe('random search', () => {
  const search = (random: number, seed = 1): readonly Readonly<Record<string, unknown>>[] =>
    ablation(base, {
      ...rest,
      design: { random, seed },
      axes: {
        'model.norm': ['rms', 'layer'],
        steps: { from: 1, to: 6, whole: true },
        'shares.a': { from: 1e-4, to: 1e-1, scale: 'log' },
      },
    }).arms.map(({ settings }) => settings);

  test('has the base and so many different arms, the same for the same seed, and more of them begin alike', () => {
    const arms = search(20);
    expect(arms).toHaveLength(21);
    expect(arms[0]).toEqual({});
    expect(new Set(arms.map((arm) => JSON.stringify(arm))).size).toBe(21);
    expect(search(20)).toEqual(arms);
    expect(search(30).slice(0, 21)).toEqual(arms);
    expect(search(20, 2)).not.toEqual(arms);
  });

  test('draws whole numbers and orders of magnitude evenly', () => {
    const arms = search(600).slice(1);
    const counts = [1, 2, 3, 4, 5, 6].map((steps) => arms.filter((arm) => arm['steps'] === steps).length);
    // 600 draws of six values: 100 each, with a deviation of 9.1
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(40);
    const shares = arms.map((arm) => arm['shares.a'] as number);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1e-1);
    // A third of the numbers in each of the three decades: 200, with a deviation of 11.5
    const decades = [1e-4, 1e-3, 1e-2].map(
      (from) => shares.filter((share) => share >= from && share < 10 * from).length,
    );
    for (const count of decades) expect(Math.abs(count - 200)).toBeLessThan(50);
  });
});
