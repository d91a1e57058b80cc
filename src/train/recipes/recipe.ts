import type { Key } from '../../engine/key.js';
import { parseOptions } from '../../model/parse-options.js';
import type { OnProgress } from '../../progress.js';
import { adamw } from '../optimizers/adamw.js';
import type { OnTrainEvent } from '../event.js';
import type { Plan } from '../plan.js';
import { reportTo } from '../report-to.js';
import type { OnMetrics } from '../report-to.js';
import { warmupCosine } from '../schedules/schedule.js';
import type { TrainingLength, TrainModelOptions } from '../train.js';
import { recipeOptions, trainOptions } from '../train-options.js';
import type { RecipeNumbers } from '../train-options.js';

/** What every recipe takes beside its model and its data. */
export interface RecipeOptions
  extends
    RecipeNumbers,
    Pick<TrainModelOptions<never, never, never>, 'target' | 'checkpoints' | 'signal' | 'group' | 'energy'> {
  /** An optimizer, or how one follows from the training's length. Default: AdamW with warm-up and cosine decay, as the numbers say. */
  readonly optimizer?: TrainModelOptions<never, never, never>['optimizer'];
  /** Decides all that is drawn: the order of the rows, dropout, what the model writes. */
  readonly key: Key;
  /** Receives a row after each step: `loss`, `learningRate`, `gradientNorm` before clipping, what the loss watches, and what the recipe adds. */
  readonly metrics?: OnMetrics;
  readonly progress?: OnProgress;
  readonly on?: OnTrainEvent;
}

/** What `train` needs of a recipe's options: all but the objective and the data. */
export type RecipeParts = Required<Pick<TrainModelOptions<never, never, never>, 'optimizer' | 'key' | 'on'>> &
  Pick<TrainModelOptions<never, never, never>, 'target' | 'checkpoints' | 'signal' | 'energy' | 'group'> & {
    readonly plan: Plan;
    /** The optimizer's numbers that its learning rate does not show: part of a run's identity. */
    readonly numbers: Readonly<Record<'epsilon' | 'weightDecay' | 'clipNorm', number>>;
  };

/** The numbers that a recipe takes, and their name for who looks them up. */
interface Described {
  readonly schema: typeof recipeOptions | typeof trainOptions;
  readonly described: string;
}

/**
 * A recipe's options as `train` takes them: a plan, and AdamW with warm-up and cosine decay over the training's length.
 *
 * @param name what errors and the line of progress begin with
 * @throws TrainbookError that names the option which is out of range or not known.
 * @example
 * const { numbers, ...parts } = recipe('fineTune', options);
 * await train(model, { objective, data, ...parts, identity: { numbers } });
 */
export function recipe(
  name: string,
  options: RecipeOptions,
  { schema, described }: Described = { schema: recipeOptions, described: 'recipeOptions' },
): RecipeParts {
  const { key, metrics, progress, on, target, checkpoints, signal, group, energy } = options;
  const known = Object.keys(schema.shape);
  const given = Object.fromEntries(Object.entries(options).filter(([option]) => known.includes(option)));
  const { learningRate, warmupSteps, finalFraction, beta1, beta2, epsilon, weightDecay, clipNorm, ...plan } =
    parseOptions(name, schema, given, described);
  const reports = reportTo(name, metrics, progress);
  return {
    optimizer:
      options.optimizer ??
      (({ steps }: TrainingLength) => {
        const rate = warmupCosine({ learningRate, warmupSteps: Math.min(warmupSteps, steps), finalFraction, steps });
        return adamw({ beta1, beta2, epsilon, weightDecay, clipNorm, learningRate: rate });
      }),
    plan,
    key,
    on: (event) => {
      reports(event);
      on?.(event);
    },
    numbers: { epsilon, weightDecay, clipNorm },
    target,
    checkpoints,
    signal,
    energy,
    ...(group && { group }),
  };
}
