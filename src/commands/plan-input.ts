import { TrainbookError } from '../error.js';
import { configOf } from '../experiment/run.js';
import type { RunOptions } from '../experiment/run.js';
import type { Json } from '../files.js';
import { decoderOptions } from '../model/decoder-options.js';
import type { DecoderOptions } from '../model/decoder-options.js';
import { planOptions } from '../train/plan.js';
import type { Plan } from '../train/plan.js';
import { trainOptions } from '../train/train-options.js';
import type { TrainPlan } from '../train/train-options.js';
import { loadExperiment } from './run-file.js';

/** What an experiment's config says of a training. */
export interface PlanOfExperiment {
  readonly model: DecoderOptions;
  readonly vocabularySize: number | undefined;
  readonly train: Pick<Plan | TrainPlan, 'batchSize' | 'microBatch' | 'precision' | 'recompute' | 'lossChunks'> & {
    readonly steps?: number | undefined;
  };
}

/**
 * The model and the plan in an experiment's config. Nothing of the experiment is run.
 *
 * @throws TrainbookError where the config has no model or no training, or several.
 */
export async function planOfExperiment(file: string, set: Readonly<Record<string, Json>>): Promise<PlanOfExperiment> {
  const experiment = await loadExperiment(file);
  return planOfConfig(experiment.name, configOf(experiment, { set } as RunOptions));
}

/**
 * The same of a config: wherever in it they stand, what fits the schema of a decoder's options, of a training's (`trainOptions`, or else
 * `planOptions`), and a `vocabularySize`.
 */
export function planOfConfig(name: string, config: Json): PlanOfExperiment {
  const sections = [...sectionsOf(config)];
  const only = <T>(what: string, parse: (value: unknown) => T | undefined): T => {
    const found = sections.flatMap(([path, value]) => {
      const parsed = parse(value);
      return parsed === undefined ? [] : [{ path, parsed }];
    });
    const [first, ...others] = found;
    if (first !== undefined && others.length === 0) return first.parsed;
    throw new TrainbookError({
      what: `plan: the config of ${name} has ${first === undefined ? 'no' : 'more than one'} ${what}`,
      ...(first === undefined ? {} : { received: found.map(({ path }) => path).join(', ') }),
      expected: 'one',
      fix: 'leave the file out and describe the training by options: trainbook plan --help',
    });
  };
  const [vocabularySize] = sections.flatMap(([path, value]) =>
    path.endsWith('vocabularySize') && typeof value === 'number' ? [value] : [],
  );
  return {
    model: only('model (decoderOptions)', (value) => decoderOptions.safeParse(value).data),
    vocabularySize,
    train: only('training (trainOptions or planOptions)', (value) => {
      const parsed = trainOptions.safeParse(value);
      return parsed.success ? parsed.data : planOptions.safeParse(value).data;
    }),
  };
}

/** All values of a config with their paths. */
function* sectionsOf(value: Json, path = ''): Generator<readonly [path: string, value: Json]> {
  yield [path, value];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [name, inner] of Object.entries(value as Readonly<Record<string, Json>>)) {
    yield* sectionsOf(inner, path === '' ? name : `${path}.${name}`);
  }
}
