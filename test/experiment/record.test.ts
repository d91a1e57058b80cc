import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/files.js';
import { destructuredNames } from '../../src/experiment/destructured.js';
import { configDiffers } from '../../src/experiment/reads.js';
import type { Reads } from '../../src/experiment/reads.js';
import { ConfigRecorder, plain } from '../../src/experiment/record.js';

interface Config {
  readonly train: { readonly steps: number; readonly rate: number; readonly note?: string };
  readonly words: readonly string[];
}
const value = { train: { steps: 3, rate: 0.5 }, words: ['a', 'b'] };

/** What a task reads of the config, as `path=value` lines. */
function readsOf(task: (config: Config) => unknown): string[] {
  const recorder = new ConfigRecorder(value, () => undefined);
  task(recorder.config as unknown as Config);
  return recorder.reads.map((read) => {
    const what = 'value' in read ? JSON.stringify(read.value) : 'absent' in read ? 'absent' : 'object';
    return `${read.path.join('.')}=${what}`;
  });
}

describe('ConfigRecorder', () => {
  it.each<[string, (config: Config) => unknown, string[]]>([
    ['a leaf', (config) => config.train.steps, ['train=object', 'train.steps=3']],
    ['destructuring', ({ train: { rate } }) => rate, ['train=object', 'train.rate=0.5']],
    ['a spread', (config) => ({ ...config.train }), ['train={"steps":3,"rate":0.5}']],
    ['keys', (config) => Object.keys(config.train), ['train={"steps":3,"rate":0.5}']],
    ['JSON of a part', (config) => JSON.stringify(config.train), ['train={"steps":3,"rate":0.5}']],
    ['JSON of all', (config) => JSON.stringify(config), [`=${JSON.stringify(value)}`]],
    ['an absent key', (config) => config.train.note, ['train=object', 'train.note=absent']],
    ['a key by in', (config) => 'note' in config.train, ['train=object', 'train.note=absent']],
    ['a key by hasOwn', (config) => Object.hasOwn(config.train, 'steps'), ['train=object', 'train.steps=3']],
    ['a list, whole', (config) => config.words[0], ['words=["a","b"]']],
    ['nothing', () => 1, []],
  ])('records %s', (_what, task, expected) => {
    expect(readsOf(task)).toEqual(expected);
  });

  it('gives the values themselves, and the same object each time', () => {
    const { config } = new ConfigRecorder(value, () => undefined);
    expect(JSON.parse(JSON.stringify(config))).toEqual(value);
    expect(config['train']).toBe(config['train']);
    expect(Object.prototype.toString.call(config['train'])).toBe('[object Object]');
  });

  it('refuses changes', () => {
    const { config } = new ConfigRecorder(value, () => undefined) as unknown as { config: typeof value };
    expect(() => (config.train.steps = 4)).toThrow(/only read/u);
    expect(() => Reflect.deleteProperty(config.train, 'steps')).toThrow(/only read/u);
    expect(() => config.words.push('c')).toThrow(TypeError);
  });

  it('property: a config that differs only where nothing was read does not differ', () => {
    const tree = fc.dictionary(
      fc.constantFrom('a', 'b'),
      fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.integer({ max: 3 })),
    );
    const paths = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y', 'z')));
    fc.assert(
      fc.property(tree, tree, paths, (first, second, looked) => {
        const look = (config: Json): unknown[] =>
          looked.map(
            ([outer, inner]) => (config as Record<string, Record<string, number> | undefined>)[outer]?.[inner],
          );
        const recorder = new ConfigRecorder(first, () => undefined);
        look(recorder.config);
        const differs = configDiffers({ config: recorder.reads }, second, 1);
        // Equal reads give equal results; results that differ must be noticed.
        if (differs === undefined) expect(look(second)).toEqual(look(first));
        expect(configDiffers({ config: recorder.reads }, first, 1)).toBeUndefined();
      }),
    );
  });

  it('says what differs', () => {
    const reads: Pick<Reads, 'config'> = { config: [{ path: ['train', 'steps'], value: 300 }] };
    expect(configDiffers(reads, { train: { steps: 200 } }, 1)).toBe('config train.steps: 300, now 200');
    const whole = { config: [{ path: ['train'], value: { steps: 300, rate: { top: 1, low: 0.5 } } }] };
    const changed = { train: { steps: 300, rate: { top: 1, low: 0.25 }, more: true } };
    expect(configDiffers(whole, changed, 1)).toBe('config train.rate.low: 0.5, now 0.25');
    expect(configDiffers(whole, { train: { steps: 300 } }, 1)).toContain('config train.rate: {"top":1');
    expect(configDiffers({ ...reads, seed: 1 }, { train: { steps: 300 } }, 2)).toBe('seed: 1, now 2');
  });
});

describe('plain', () => {
  it('replaces proxies, keeps everything else as it is, and counts what leaves as read', () => {
    const recorder = new ConfigRecorder(value, () => undefined);
    const { train } = recorder.config;
    const weights = new Float32Array(2);
    const untouched = { weights, date: new Date(0) };
    const result = plain({ list: [1, { train }], untouched });
    expect(structuredClone(result).list).toEqual([1, { train: value.train }]);
    expect(result.untouched).toBe(untouched);
    expect(recorder.reads).toEqual([{ path: ['train'], value: value.train }]);
  });
});

describe('destructuredNames', () => {
  it('knows what a function takes, and says when it does not', () => {
    expect(destructuredNames(({ config, corpus: text }: { config: 1; corpus: 1 }) => [config, text])).toEqual([
      'config',
      'corpus',
    ]);
    expect(destructuredNames(async ({ 语料 }: { 语料: 1 }) => Promise.resolve(语料))).toEqual(['语料']);
    expect(destructuredNames(() => 1)).toEqual([]);
    expect(destructuredNames((input: { a: 1 }) => input.a)).toBeUndefined();
    expect(destructuredNames(({ a, ...rest }: { a: 1; b: 1 }) => [a, rest])).toBeUndefined();
    expect(destructuredNames(({ a = '}' }: { a?: string }) => a)).toBeUndefined();
  });
});
