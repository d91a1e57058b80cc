import { describe, expect, it } from 'vitest';
import { compareOutcomes } from '../../../src/experiment/reproduce/compare.js';
import { environmentDiffers, isSameComputing } from '../../../src/experiment/reproduce/differences.js';
import type { RecordedStage } from '../../../src/experiment/reproduce/recorded-run.js';

const stage = (name: string, artifact: string, values: RecordedStage['values'] = {}): RecordedStage => ({
  ...{ stage: name, artifact, values },
  files: {},
  seconds: 1,
});
const recorded = { stages: [stage('corpus', 'a'), stage('base', 'b', { loss: 2 }), stage('score', 'c', { bits: 1 })] };
const elsewhere = { tolerance: 0.02, sameComputing: false };
const here = { tolerance: 0.02, sameComputing: true };

describe('compareOutcomes', () => {
  it('says bit for bit where all artifacts are equal, on whatever machine', () => {
    expect(compareOutcomes(recorded, recorded, here)).toMatchObject({
      verdict: 'reproduced bit for bit',
      first: undefined,
    });
    expect(compareOutcomes(recorded, recorded, elsewhere).verdict).toBe('reproduced bit for bit');
  });

  it('allows the tolerance on another machine, and only there', () => {
    const close = {
      stages: [stage('corpus', 'a'), stage('base', 'x', { loss: 2.02 }), stage('score', 'y', { bits: 1 })],
    };
    const found = compareOutcomes(recorded, close, elsewhere);
    expect(found).toMatchObject({ verdict: 'within tolerance', first: 'base' });
    // (2.02 − 2) / 2.02
    expect(found.largest).toMatchObject({ stage: 'base', name: 'loss' });
    expect(found.largest?.relativeDifference).toBeCloseTo(0.02 / 2.02, 12);
    expect(compareOutcomes(recorded, close, here)).toMatchObject({ verdict: 'differs', first: 'base' });
    expect(compareOutcomes(recorded, close, { ...elsewhere, tolerance: 0.009 }).verdict).toBe('differs');
  });

  it('is not within tolerance if a stage or a number is missing, or there are no numbers', () => {
    const some = [stage('corpus', 'a'), stage('base', 'x', { loss: 2 })];
    expect(compareOutcomes(recorded, { stages: some }, elsewhere)).toMatchObject({ verdict: 'differs', first: 'base' });
    const noNumber = { stages: [...some, stage('score', 'c', { bits: null })] };
    expect(compareOutcomes(recorded, noNumber, elsewhere).largest?.relativeDifference).toBe(Infinity);
    const bare = { stages: [stage('corpus', 'a')] };
    expect(compareOutcomes(bare, { stages: [stage('corpus', 'b')] }, elsewhere).verdict).toBe('differs');
  });

  it('takes two numbers that are none, and two zeros, for equal', () => {
    const odd = { stages: [stage('base', 'a', { loss: null, zero: 0 })] };
    const now = { stages: [stage('base', 'b', { loss: null, zero: 0 })] };
    expect(compareOutcomes(odd, now, elsewhere)).toMatchObject({
      verdict: 'within tolerance',
      largest: { relativeDifference: 0 },
    });
  });
});

describe('environmentDiffers', () => {
  const environment = {
    format: 1,
    node: 'v20.20.2',
    packages: { trainbook: '0.1.0', zod: '4.6.7' },
    engine: { reason: 'libtensorflow 2.21.0 (set-up)', library: { version: '2.21.0', hash: 'a', path: '~/x' } },
    cpu: 'one',
    git: { commit: 'c' },
    variables: { OMP_NUM_THREADS: '2' },
  };

  it('names what is not the same, by its path, and leaves aside what is spoken of apart', () => {
    const now = {
      ...environment,
      packages: { trainbook: '0.1.0', zod: '4.7.0' },
      engine: { reason: 'other words', library: { version: '2.21.0', hash: 'a', path: '/elsewhere' } },
      git: null,
      variables: {},
    };
    const found = environmentDiffers(environment, now);
    expect(found).toEqual([
      { what: 'packages.zod', recorded: '4.6.7', now: '4.7.0' },
      { what: 'variables.OMP_NUM_THREADS', recorded: '2', now: undefined },
    ]);
    expect(isSameComputing(found)).toBe(true);
  });

  it.each([
    ['node', { ...environment, node: 'v22.0.0' }],
    ['cpu', { ...environment, cpu: 'two' }],
    ['engine.library.hash', { ...environment, engine: { library: { version: '2.21.0', hash: 'b' } } }],
  ])('takes another %s for other computing', (what, now) => {
    const found = environmentDiffers(environment, now);
    expect(found.map((each) => each.what)).toEqual([what]);
    expect(isSameComputing(found)).toBe(false);
  });

  it('takes what an older record does not tell for equal', () => {
    expect(isSameComputing(environmentDiffers({}, environment))).toBe(true);
  });
});
