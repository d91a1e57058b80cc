import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { experiment } from '../../src/experiment/experiment.js';
import { openLab } from '../../src/experiment/open.js';
import { runExperiment } from '../../src/experiment/run.js';

const schema = z.strictObject({
  data: z.object({ shares: z.record(z.string(), z.number()) }),
  model: z
    .object({ width: z.int(), heads: z.int(), norm: z.enum(['rms', 'layer']), sizes: z.array(z.int()) })
    .refine(({ width, heads }) => width % heads === 0, { message: 'heads must divide width', path: ['heads'] }),
});
const defaults = {
  data: { shares: { shakespeare: 1 } },
  model: { width: 8, heads: 2, norm: 'rms' as const, sizes: [1] },
};
interface Corpus {
  readonly documents: readonly string[];
}
interface Preferences {
  readonly pairs: readonly [string, string][];
}
const corpusOf = (): Corpus => ({ documents: ['to be'] });
const pretrain = (corpus: Corpus): { weights: Float32Array } => ({
  weights: new Float32Array(corpus.documents.length),
});
const align = (preferences: Preferences): number => preferences.pairs.length;

const typed = experiment('typed', schema, defaults)
  .stage('corpus', corpusOf)
  .stage('base', async ({ corpus, config }) => {
    const width: number = config.model.width;
    await Promise.resolve();
    return { ...pretrain(corpus), width };
  });

/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call --
   the lines that must not compile have no types */
/** Never called: each line under `@ts-expect-error` must not compile (checked by tsc, which fails on an unused one). */
export function mustNotCompile(): void {
  // A config with a wrong type, a wrong choice, an unknown key, a missing key, and an unknown key deep down.
  // @ts-expect-error a string for a number
  experiment('x', schema, { ...defaults, model: { ...defaults.model, width: '8' } });
  // @ts-expect-error not one of the choices
  experiment('x', schema, { ...defaults, model: { ...defaults.model, norm: 'batch' } });
  // @ts-expect-error a key that the schema does not have
  experiment('x', schema, { ...defaults, modell: 1 });
  // @ts-expect-error a key that is missing
  experiment('x', schema, { data: defaults.data });
  // @ts-expect-error an unknown key inside
  experiment('x', schema, { ...defaults, data: { shares: {}, share: 1 } });

  // Stages.
  // @ts-expect-error an artifact that no stage before makes
  typed.stage('score', ({ bass }) => bass);
  // @ts-expect-error an unknown config path
  typed.stage('score', ({ config }) => config.model.widht);
  // @ts-expect-error the config cannot be changed
  typed.stage('score', ({ config }) => (config.model.width = 3));
  // @ts-expect-error nor a list in it
  typed.stage('score', ({ config }) => config.model.sizes.push(3));
  // @ts-expect-error a corpus is no set of preferences
  typed.stage('score', ({ corpus }) => align(corpus));
  // @ts-expect-error an async stage's artifact is its value, not its promise
  typed.stage('score', ({ base }) => base.then(() => 1));
  // @ts-expect-error a name that is taken
  typed.stage('corpus', () => 1);
  // @ts-expect-error a name that is reserved
  typed.stage('config', () => 1);
  // @ts-expect-error a name that is not one literal
  typed.stage(String(1), () => 1);

  // Runs.
  // @ts-expect-error a wrong value in a run's config
  void runExperiment(typed, { numericClass: '', config: { model: { width: '8' } } });
  // @ts-expect-error an unknown key in a run's config
  void runExperiment(typed, { numericClass: '', config: { model: { widht: 8 } } });
  // @ts-expect-error a run without its numeric class
  void runExperiment(typed, {});
  // @ts-expect-error a stage that does not exist
  void openLab(typed, { numericClass: '' }).then((lab) => lab.stage('score'));
}

/* eslint-enable */

/** Must compile: types flow to the end. */
export async function mustCompile(): Promise<void> {
  const lab = await openLab(typed, { numericClass: '', config: { model: { width: 4 } } });
  const { weights, width }: { weights: Float32Array; width: number } = await lab.stage('base');
  const { documents }: Corpus = await (await runExperiment(typed, { numericClass: '' })).artifact('corpus');
  expect([weights, width, documents]).toBeDefined();
}

describe('experiment', () => {
  it('refuses defaults that do not fit, and says where', () => {
    const model = { ...defaults.model, heads: 3 };
    expect(() => experiment('x', schema, { ...defaults, model })).toThrow(
      /model\.heads: heads must divide width \(got 3\)/u,
    );
    const wrong = { ...defaults, modle: 1 } as typeof defaults;
    expect(() => experiment('x', schema, wrong)).toThrow('unknown config path modle; nearest: model');
  });

  it('refuses unknown keys also where the schema would drop them', () => {
    const wrong = { ...defaults, data: { ...defaults.data, shars: 1 } };
    expect(() => experiment('x', schema, wrong)).toThrow('unknown config path data.shars; nearest: data.shares');
  });

  it('refuses names that are taken, reserved, or no file names', () => {
    const stage = (name: string): unknown =>
      (typed as { stage(name: string, run: () => number): unknown }).stage(name, () => 1);
    expect(() => stage('Corpus')).toThrow(/already a stage of this name/u);
    expect(() => stage('signal')).toThrow(/already receives/u);
    for (const name of ['', 'a/b', '..', 'a:b', 'nul', ' a', '-a', '__proto__', 'x'.repeat(101)]) {
      expect(() => stage(name)).toThrow(/cannot be a file's name/u);
      expect(() => experiment(name, schema, defaults)).toThrow(/cannot be a file's name/u);
    }
    expect(() => experiment('store', schema, defaults)).toThrow(/runs\/store/u);
    expect(() => stage('评估 2')).not.toThrow();
  });

  it('is a value: a stage more leaves the one before as it was', () => {
    typed.stage('score', () => 1);
    expect(typed.stages.map(({ name }) => name)).toEqual(['corpus', 'base']);
  });
});
