import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import { better } from '../metric-names.js';
import { nearest } from '../nearest.js';
import type { MetricDigest } from './metric-digest.js';
import type { RunEntry } from './run-entry.js';

const operators = ['>=', '<=', '!=', '==', '=', '>', '<'] as const;
type Operator = (typeof operators)[number];

/** A condition on a run: `train.learningRate>=1e-3`. */
export interface Condition {
  readonly name: string;
  readonly operator: Operator;
  readonly value: Json;
}

/**
 * Reads a condition: a name, an operator (`=`, `!=`, `<`, `<=`, `>`, `>=`) and a value, JSON where it is JSON.
 *
 * @example
 * parseCondition('train.learningRate>=1e-3'); // { name: 'train.learningRate', operator: '>=', value: 0.001 }
 * @throws TrainbookError for a text without name or operator
 */
export function parseCondition(text: string): Condition {
  const [, name, operator, value = ''] = /^\s*([^=<>!]+?)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*$/su.exec(text) ?? [];
  const known = operators.find((each) => each === operator);
  if (name === undefined || known === undefined) {
    throw new TrainbookError({
      what: 'runs: this is no condition',
      received: text,
      expected: `a name, one of ${operators.join(' ')} and a value`,
      fix: "for example --where 'train.learningRate>=1e-3', --where 'loss<2', --where state=failed",
    });
  }
  return { name, operator: known, value: jsonOr(value) };
}

function jsonOr(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** What a run says of itself, by name. */
export const runFields = ['run', 'experiment', 'id', 'state', 'seed', 'created', 'seconds', 'memory'] as const;

const fields: Readonly<Record<(typeof runFields)[number], (run: RunEntry) => Json | undefined>> = {
  run: ({ name }) => name,
  experiment: ({ experiment }) => experiment,
  id: ({ id }) => id,
  state: ({ state }) => state,
  seed: ({ seed }) => seed,
  created: ({ createdAt }) => createdAt,
  seconds: ({ seconds }) => seconds,
  memory: ({ peakMemoryBytes }) => peakMemoryBytes,
};

/** All values of a config by path, arrays whole: `[['train.steps', 300], …]`. */
export function configLeaves(config: Json, path = ''): [string, Json][] {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return [[path, config]];
  const entries = Object.entries(config);
  if (entries.length === 0 && path !== '') return [[path, config]];
  return entries.flatMap(([key, value]) => configLeaves(value, path === '' ? key : `${path}.${key}`));
}

const readings = ['last', 'min', 'max', 'best'] as const;
type Reading = (typeof readings)[number];

/** One value of a metric; the best is the lowest or highest by its name, undefined where the name does not say. */
export function readMetric(metric: MetricDigest, reading: Reading): number | undefined {
  if (reading !== 'best') return metric[reading]?.value;
  const direction = better(metric.name);
  return direction === undefined ? undefined : direction === 'lower' ? metric.min?.value : metric.max?.value;
}

/** Everything that may be named of a run. Where two things have one name, the config comes first, then metrics, then facts. */
function* named(run: RunEntry): Generator<[string, () => Json | undefined]> {
  for (const field of runFields) yield [field, () => fields[field](run)];
  for (const [path, value] of configLeaves(run.config)) yield [path, () => value];
  for (const { stage, metrics } of run.metrics.toReversed()) {
    for (const metric of metrics) {
      for (const base of [metric.name, `${stage}.${metric.name}`]) {
        yield [base, () => metric.last.value];
        for (const reading of readings) yield [`${base}.${reading}`, () => readMetric(metric, reading)];
      }
    }
  }
  for (const { stage, facts } of run.done.toReversed()) {
    for (const [fact, value] of Object.entries(facts)) {
      yield [fact, () => value];
      yield [`${stage}.${fact}`, () => value];
    }
  }
}

/**
 * What a name stands for in a run: a field (`state`, `seed`, `seconds` …), a config path, a metric (`loss`, its last value;
 * `base.loss`, `loss.best`, `loss.min`, `loss.max`), or a fact of a stage's summary. Undefined where the run has none.
 */
export function valueOf(run: RunEntry, name: string): Json | undefined {
  for (const [each, value] of named(run)) if (each === name) return value();
  return undefined;
}

/** @throws TrainbookError unless one of the runs has something of this name */
export function checkName(runs: readonly RunEntry[], name: string): void {
  if (runs.length === 0 || runs.some((run) => valueOf(run, name) !== undefined)) return;
  const names = new Set(runs.flatMap((run) => [...named(run)].map(([each]) => each)));
  if (names.has(name)) return;
  const close = nearest(name, names);
  throw new TrainbookError({
    what: 'runs: no run has a field, config path, metric or fact of this name',
    received: name,
    expected: `one of ${[...names]
      .filter((each) => !/\.(last|min|max|best)$/u.test(each))
      .slice(0, 40)
      .join(', ')}`,
    ...(close === undefined ? {} : { fix: `did you mean ${close}?` }),
  });
}

/** Whether a condition holds; a run that has nothing of the name is left out by every condition. */
export function holds(run: RunEntry, { name, operator, value }: Condition): boolean {
  const found = valueOf(run, name);
  if (found === undefined) return false;
  const order = compareValues(found, value);
  switch (operator) {
    case '=':
    case '==':
      return equal(found, value);
    case '!=':
      return !equal(found, value);
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** Values of one kind are equal; `seed=1` and a fact that is the text `1` are too. */
function equal(a: Json, b: Json): boolean {
  return typeof a === typeof b ? JSON.stringify(a) === JSON.stringify(b) : plainText(a) === plainText(b);
}

const plainText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Numbers by size, texts by code points (times in ISO 8601 by time); NaN where the two cannot be compared. */
export function compareValues(a: Json, b: Json): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === 'string' || typeof b === 'string' ? Number(a) - Number(b) : Number.NaN;
}
