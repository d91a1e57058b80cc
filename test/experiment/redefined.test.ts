import { expect, it } from 'vitest';
import { z } from 'zod';
import { experiment } from '../../src/experiment/experiment.js';
import { definedSince } from '../../src/experiment/redefined.js';

const schema = z.object({ steps: z.int() });
const define = (steps: number) => experiment('redefined', schema, { steps });

it('tells of an experiment defined again, by the config and the stages that differ', () => {
  const before = define(60).stage('corpus', () => [1]);
  expect(definedSince(before)).toBeUndefined();
  define(60).stage('corpus', () => [1]);
  expect(definedSince(before)).toBeUndefined(); // the same text
  define(200)
    .stage('corpus', () => [1, 2])
    .stage('more', () => 3);
  expect(definedSince(before)).toBe('config steps: 60, now 200; stage corpus; stage more');
});

it('takes another branch of the same beginning for no change, and a stage of its own that is written anew for one', () => {
  const data = define(60).stage('corpus', () => [1]);
  const whole = data.stage('base', ({ corpus }) => corpus.length);
  data.stage('sample', ({ corpus }) => corpus[0]);
  expect(definedSince(whole)).toBeUndefined();
  data.stage('base', ({ corpus }) => corpus.length + 1);
  expect(definedSince(whole)).toBe('stage base');
});
