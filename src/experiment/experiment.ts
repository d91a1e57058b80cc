import type { z } from 'zod';
import type { Group } from '../engine/group.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { OnProgress } from '../progress.js';
import { parseConfig } from './config.js';
import type { ConfigSchema, DeepReadonly, PlainConfig } from './config.js';
import { checkName } from './name.js';
import { joinOrigins, whereCalled } from './origin.js';
import type { Origin } from './origin.js';
import { noteDefinition } from './redefined.js';

/** What every stage receives beside the artifacts of the stages before it. */
export interface StageTools {
  /** The stage's own random key: the run's seed, folded with the stage's name. */
  readonly key: Key;
  /** Writes a row of `metrics.jsonl`: `metrics(step, { loss: 3.2 })`. */
  readonly metrics: (step: number, values: Readonly<Record<string, number>>) => void;
  readonly progress: OnProgress;
  /** A folder that is still there when this same stage was killed and is started again; gone when it is done. */
  readonly checkpoints: string;
  /** Aborted when the user interrupts: a stage that looks at it saves its state and throws `signal.reason`. */
  readonly signal: AbortSignal;
  /**
   * The processes that train together (`trainbook launch`), else this one alone. A stage that names it in its argument runs in all of them,
   * any other in the first alone.
   */
  readonly group: Group;
}

/** Names that a stage cannot have, since they stand beside the artifacts. */
export const reservedNames = ['config', 'key', 'metrics', 'progress', 'checkpoints', 'signal', 'group'] as const;
type Reserved = (typeof reservedNames)[number];

/** The one argument of a stage: config, tools, and by name what the stages before it returned. */
export type StageInput<Config, Artifacts> = { readonly config: DeepReadonly<Config> } & StageTools &
  Readonly<Artifacts>;

/** A name that compiles: one literal, not reserved, not yet taken. */
type FreshName<Name extends string, Artifacts> = string extends Name
  ? 'the name of a stage must be one literal string'
  : Name extends Reserved
    ? `the name ${Name} is reserved`
    : Name extends keyof Artifacts
      ? `the name ${Name} is taken by an earlier stage`
      : Name;

export interface StageOptions<Config> {
  /** Seconds that the stage will about take; scaled by what it took before, where there was a before. */
  readonly estimate?: (config: DeepReadonly<Config>) => number | Promise<number>;
}

/** A stage without its types, as the runner sees it. */
export interface Stage {
  readonly name: string;
  readonly run: (input: never) => unknown;
  readonly estimate: ((config: never) => number | Promise<number>) | undefined;
}

/** An experiment without its types, as the runner sees it. */
export interface ExperimentDefinition {
  readonly name: string;
  readonly schema: ConfigSchema;
  readonly defaults: PlainConfig;
  readonly stages: readonly Stage[];
  /** The files (or notebook cells) whose code defined it. */
  readonly origin: Origin;
}

declare const artifactTypes: unique symbol;

/** A typed experiment: a value; `stage` gives another one. */
export interface Experiment<
  Schema extends ConfigSchema,
  Artifacts extends object = object,
> extends ExperimentDefinition {
  readonly schema: Schema;
  /** For the compiler only: the types of the artifacts by stage. */
  readonly [artifactTypes]?: Artifacts;
  /** The experiment with one more stage, a function from the artifacts before it to one more artifact. */
  stage<const Name extends string, Result>(
    name: FreshName<Name, Artifacts>,
    run: (input: StageInput<z.output<Schema>, Artifacts>) => Result,
    options?: StageOptions<z.output<Schema>>,
  ): Experiment<Schema, Artifacts & Readonly<Record<Name, Awaited<Result>>>>;
}

/**
 * Begins an experiment: its name (also that of its folder under `runs/`), the schema of its config, the default config.
 *
 * @throws TrainbookError if the name cannot be a folder's, or the defaults do not fit the schema
 * @example
 * export default experiment('quickstart', z.strictObject({ steps: z.int() }), { steps: 300 })
 *   .stage('corpus', () => load({ shares: { shakespeare: 1 } }))
 *   .stage('size', ({ corpus, config }) => corpus.documents.length * config.steps);
 */
export function experiment<Schema extends ConfigSchema>(
  name: string,
  schema: Schema,
  defaults: NoInfer<z.input<Schema>>,
): Experiment<Schema> {
  checkName('experiment', name);
  const taken = ['store', 'ablations'].find((each) => each === name.toLowerCase());
  if (taken !== undefined) {
    throw new TrainbookError({
      what: `experiment: runs/${taken} is where ${taken === 'store' ? 'artifacts' : 'ablations'} are kept`,
      received: name,
      fix: 'choose another name',
    });
  }
  const parsed = parseConfig(`experiment ${name}`, schema, defaults);
  return withStages({ name, schema, defaults: parsed, stages: [], origin: whereCalled() });
}

function withStages<Schema extends ConfigSchema, Artifacts extends object>(
  definition: ExperimentDefinition & { readonly schema: Schema },
  from?: ExperimentDefinition,
): Experiment<Schema, Artifacts> {
  const made: Experiment<Schema, Artifacts> = {
    ...definition,
    stage(name, run, options) {
      checkStageName(definition, name);
      const stages = [...definition.stages, { name, run, estimate: options?.estimate }];
      return withStages({ ...definition, stages, origin: joinOrigins(definition.origin, whereCalled()) }, made);
    },
  };
  noteDefinition(made, from);
  return made;
}

/** Whether a value is an experiment: what a file exports, or a cell of a notebook shows. */
export function isExperiment(value: unknown): value is Experiment<never> {
  if (typeof value !== 'object' || value === null) return false;
  return ['name', 'schema', 'defaults', 'stages', 'origin'].every((name) => name in value);
}

function checkStageName({ name: experimentName, stages }: ExperimentDefinition, name: string): void {
  const where = `experiment ${experimentName}: stage ${name}`;
  checkName(where, name);
  if (reservedNames.some((reserved) => reserved === name)) {
    throw new TrainbookError({
      what: `${where}: every stage already receives something of this name`,
      expected: `a name other than ${reservedNames.join(', ')}`,
      fix: 'choose another name',
    });
  }
  // Two names that differ in case only would be one file on macOS and Windows.
  const twin = stages.find((stage) => stage.name.toLowerCase() === name.toLowerCase());
  if (twin !== undefined) {
    throw new TrainbookError({
      what: `${where}: there is already a stage of this name`,
      received: name,
      expected: `a name other than ${stages.map((stage) => stage.name).join(', ')} (capitals make no difference)`,
      fix: 'give each stage a name of its own',
    });
  }
}
