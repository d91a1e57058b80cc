import type { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { canonicalJson } from '../../files.js';
import type { Json } from '../../files.js';
import { mergeConfig, parseConfig, setPaths } from '../config.js';
import type { ConfigSchema, DeepPartial, DeepReadonly, PlainConfig } from '../config.js';
import { destructuredNames } from '../destructured.js';
import type { Experiment, ExperimentDefinition } from '../experiment.js';
import type { MetricsRow } from '../metrics.js';
import { checkName } from '../name.js';
import { joinOrigins, whereCalled } from '../origin.js';
import type { Origin } from '../origin.js';
import { valueAt } from '../reads.js';
import { armsOf, baseName, isAt } from './arms.js';
import type { Design, PlainAxis } from './arms.js';
import type { Axes, Interval, NumericPath, Settings } from './axes.js';
import type { AblationSpec, Arm } from './record.js';

/** What a measure may look at: the artifacts of a run by the names of their stages, its config, its metrics. */
export type Measured<Config, Artifacts> = Readonly<Artifacts> & {
  readonly config: DeepReadonly<Config>;
  /** One row for each step of each stage. */
  readonly metrics: readonly MetricsRow[];
};

export type Measure<Config, Artifacts> = (run: Measured<Config, Artifacts>) => number;

/**
 * Successive halving (Jamieson and Talwalkar 2016, 1502.07943): all arms run with the first rung's value, the best part of
 * them with the second's, and so on. What no longer goes on is kept as stopped, with what it had reached.
 */
export interface Halving<Config> {
  /** What grows from rung to rung, such as `train.steps`. */
  readonly path: NumericPath<Config>;
  /** Rising values; the last is that of the arms that are compared. */
  readonly rungs: readonly number[];
  /** The part of the arms, rounded up, that goes on after each rung. The baseline goes on whatever its place. */
  readonly keep: number;
}

export interface AblationOptions<Config, Output, Artifacts> {
  /** What differs between arms, by path of the config. */
  readonly axes: Axes<Config>;
  /** Each arm runs once with each seed; differences are taken between runs with one seed. */
  readonly seeds: readonly number[];
  /** The number that is compared, from what a run made. */
  readonly measure: Measure<Output, Artifacts>;
  /** What the number is, with its unit: `held-out bits per byte`. */
  readonly label: string;
  readonly better: 'lower' | 'higher';
  /**
   * `grid` (if not given): all combinations. `paired`: each value alone, all else as in the base. `random`: so many arms drawn
   * from the axes, beside the base.
   */
  readonly design?: 'grid' | 'paired' | { readonly random: number; readonly seed?: number };
  /** Other numbers by their names, noted beside the one that is compared. */
  readonly also?: Readonly<Record<string, Measure<Output, Artifacts>>>;
  /** Fields in place of the experiment's defaults, the same for all arms. */
  readonly config?: DeepPartial<Config>;
  /** Of a grid without the base's own values: the arm that others are compared with. */
  readonly baseline?: Settings<Config>;
  readonly halving?: Halving<Config>;
  /** The last stage that runs; all if not given. */
  readonly to?: keyof Artifacts & string;
  /** Of its folder under `runs/ablations/`; the experiment's name if not given. */
  readonly name?: string;
}

/** An ablation: a value, with its arms made and checked. */
export interface Ablation extends Pick<
  AblationSpec,
  'name' | 'measure' | 'also' | 'better' | 'design' | 'halving' | 'axes' | 'seeds' | 'base' | 'baseline' | 'arms' | 'to'
> {
  readonly kind: 'ablation';
  readonly experiment: ExperimentDefinition;
  /** In place of the experiment's defaults, for all arms. */
  readonly config: unknown;
  readonly measures: Readonly<Record<string, (run: never) => number>>;
  /** The files that define the ablation and its experiment. */
  readonly origin: Origin;
}

/**
 * An ablation: an experiment of which some config values are varied, with a number to compare. Arms with one seed share the
 * keys of all their stages, so they see the same data in the same order, and differences are paired.
 *
 * Every arm's config is parsed by the experiment's schema here and now, rules across fields included.
 *
 * @throws TrainbookError that names the arm and the path
 * @example
 * export default ablation(quickstart, {
 *   axes: { 'model.norm': ['rms', 'layer'], 'train.learningRate': [3e-4, 1e-3] },
 *   seeds: [1, 2, 3],
 *   measure: ({ score }) => score.bitsPerByte,
 *   label: 'held-out bits per byte',
 *   better: 'lower',
 * });
 */
export function ablation<Schema extends ConfigSchema, Artifacts extends object>(
  base: Experiment<Schema, Artifacts>,
  options: AblationOptions<z.input<Schema>, z.output<Schema>, Artifacts>,
): Ablation {
  const name = options.name ?? base.name;
  const owner = `ablation ${name}`;
  checkName('ablation', name);
  const config = parseConfig(owner, base.schema, mergeConfig(base.defaults, options.config));
  const axes = Object.entries(options.axes as Readonly<Record<string, PlainAxis['axis'] | undefined>>).flatMap(
    ([path, axis]): PlainAxis[] => (axis === undefined ? [] : [{ path, axis }]),
  );
  checkOptions(owner, axes.length, options);
  checkTo(owner, base, options);
  const design = designOf(options.design);
  // A path that does not exist is said before any arm is made of it.
  for (const { path, axis } of axes) {
    const value = Array.isArray(axis) ? (axis as readonly (Json | undefined)[])[0] : (axis as Interval).from;
    setPaths(owner, base.schema, config, { [path]: value ?? null });
  }
  const arms = armsOf(owner, axes, design, config);
  const halving = options.halving === undefined ? null : checkHalving(owner, options.halving);
  for (const arm of arms) checkArm(owner, base, config, arm, halving);
  return {
    kind: 'ablation',
    name,
    experiment: base,
    config: options.config,
    measures: { [options.label]: options.measure, ...options.also },
    measure: options.label,
    also: Object.keys(options.also ?? {}),
    better: options.better,
    design,
    halving,
    axes: axes.map((axis) => recorded(axis, arms, config)),
    seeds: [...options.seeds],
    ...(options.to === undefined ? {} : { to: options.to }),
    base: config,
    baseline: baselineOf(owner, arms, design, config, axes, options.baseline as Readonly<Record<string, Json>>),
    arms,
    origin: joinOrigins(base.origin, whereCalled()),
  };
}

/** Whether a value, such as what a file exports, is an ablation. */
export function isAblation(value: unknown): value is Ablation {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'ablation';
}

function designOf(design: AblationOptions<unknown, unknown, object>['design'] = 'grid'): Design {
  return typeof design === 'string'
    ? { kind: design }
    : { kind: 'random', arms: design.random, seed: design.seed ?? 1 };
}

function checkOptions(
  owner: string,
  numAxes: number,
  {
    seeds,
    also,
    label,
    design,
  }: Pick<AblationOptions<unknown, unknown, object>, 'seeds' | 'label' | 'design'> & {
    readonly also?: object;
  },
): void {
  const refuse = (what: string, received: string, expected: string): never => {
    throw new TrainbookError({ what: `${owner}: ${what}`, received, expected });
  };
  if (numAxes === 0) refuse('there is nothing to vary', 'axes: {}', "such as { 'model.norm': ['rms', 'layer'] }");
  if (seeds.length === 0 || !seeds.every(Number.isSafeInteger) || new Set(seeds).size !== seeds.length) {
    refuse('seeds are different integers, at least one', JSON.stringify(seeds), 'such as [1, 2, 3]');
  }
  if (label === '' || Object.hasOwn(also ?? {}, label)) {
    refuse('the measure has a label of its own', JSON.stringify(label), "such as 'held-out bits per byte'");
  }
  if (typeof design === 'object' && !(Number.isSafeInteger(design.random) && design.random > 0)) {
    refuse('a random search has a number of arms', String(design.random), 'an integer > 0');
  }
}

/** The measures must not look at what does not run. */
function checkTo(
  owner: string,
  { stages }: ExperimentDefinition,
  {
    to,
    measure,
    also = {},
  }: {
    readonly to?: string;
    readonly measure: (run: never) => number;
    readonly also?: Readonly<Record<string, (run: never) => number>>;
  },
): void {
  if (to === undefined) return;
  const names = stages.map(({ name }) => name);
  const late = names.includes(to) ? names.slice(names.indexOf(to) + 1) : [];
  const asked = [measure, ...Object.values(also)].flatMap((each) => destructuredNames(each) ?? []);
  const beyond = asked.find((name) => late.includes(name));
  if (names.includes(to) && beyond === undefined) return;
  throw new TrainbookError({
    what:
      beyond === undefined
        ? `${owner}: there is no stage to end at`
        : `${owner}: the runs end before a stage that is measured`,
    received: beyond === undefined ? to : `to: '${to}', and a measure of ${beyond}`,
    expected: `one of ${names.join(', ')}`,
  });
}

function checkHalving(
  owner: string,
  { path, rungs, keep }: { readonly path: string; readonly rungs: readonly number[]; readonly keep: number },
): NonNullable<AblationSpec['halving']> {
  const rising = rungs.every((rung, index) => index === 0 || rung > (rungs[index - 1] ?? Infinity));
  if (rungs.length < 2 || !rising || !(keep > 0 && keep < 1)) {
    throw new TrainbookError({
      what: `${owner}: successive halving needs rising rungs, and the part of the arms to keep`,
      received: JSON.stringify({ path, rungs, keep }),
      expected: "such as { path: 'train.steps', rungs: [100, 300, 900], keep: 1/3 }",
    });
  }
  return { path, rungs: [...rungs], keep };
}

/** Parses the config of an arm, at each rung. */
function checkArm(
  owner: string,
  { schema }: ExperimentDefinition,
  base: PlainConfig,
  { name, settings }: Arm,
  halving: AblationSpec['halving'],
): void {
  const where = `${owner}: arm ${name}`;
  if (halving !== null && Object.hasOwn(settings, halving.path)) {
    throw new TrainbookError({
      what: `${where}: ${halving.path} is what the rungs of successive halving vary`,
      fix: 'take it out of the axes',
    });
  }
  for (const rung of halving?.rungs ?? [undefined]) {
    const all = halving === null || rung === undefined ? settings : { ...settings, [halving.path]: rung };
    parseConfig(where, schema, setPaths(where, schema, base, all));
  }
}

function recorded({ path, axis }: PlainAxis, arms: readonly Arm[], base: PlainConfig): AblationSpec['axes'][number] {
  const own = valueAt(base, path.split('.')) ?? null;
  const values = arms.map(({ settings }) => settings[path] ?? own);
  const different = [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
  if (Array.isArray(axis)) return { path, values: different };
  const { from, to, scale = 'linear', whole = false } = axis as Interval;
  return { path, values: different, interval: { from, to, scale, whole } };
}

/** The arm that has the base's own values; else the one that was named. */
function baselineOf(
  owner: string,
  arms: readonly Arm[],
  design: Design,
  base: PlainConfig,
  axes: readonly PlainAxis[],
  given: Readonly<Record<string, Json>> | undefined,
): string {
  const isBase = ({ settings }: Arm): boolean =>
    axes.every(({ path }) => isAt({ ...base }, path, settings[path] ?? valueAt(base, path.split('.'))));
  const named = ({ settings }: Arm): boolean =>
    given !== undefined &&
    axes.every(({ path }) => canonicalJson(settings[path] ?? null) === canonicalJson(given[path] ?? null));
  const found = arms.find(given === undefined ? isBase : named);
  if (found !== undefined) return found.name;
  throw new TrainbookError({
    what:
      given === undefined
        ? `${owner}: no arm of the ${design.kind} has the base's own values, so none is the baseline`
        : `${owner}: there is no such arm for the baseline`,
    received: given === undefined ? ownValues(base, axes) : JSON.stringify(given),
    expected: arms
      .slice(0, 4)
      .map(({ name, settings }) => (name === baseName ? baseName : JSON.stringify(settings)))
      .join(' or '),
    fix: "add the base's values to the axes, or name an arm: baseline: { 'model.norm': 'rms' }",
  });
}

function ownValues(base: PlainConfig, axes: readonly PlainAxis[]): string {
  return JSON.stringify(Object.fromEntries(axes.map(({ path }) => [path, valueAt(base, path.split('.')) ?? null])));
}
