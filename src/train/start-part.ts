import type { Group } from '../engine/group.js';
import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { PipelineStage, Stages } from '../model/stages.js';
import type { Loss, Objective } from './loss.js';
import type { Optimizer } from './optimizers/optimizer.js';
import { startPipeline } from './pipeline/pipeline.js';
import type { PipelineOptions } from './pipeline/pipeline.js';
import type { Plan } from './plan.js';
import { startTraining } from './step.js';
import type { Training, TrainingOptions } from './step.js';

/** How a network is cut into stages, and where they lie. */
export interface InStages<Model> extends Pick<PipelineOptions<never>, 'devices' | 'schedule'> {
  /** The network in parts, such as `(model) => decoderStages(model, 2)`. */
  readonly stages: (model: Model) => Stages;
}

/** What a loop needs of a training, be it in one piece or in stages. */
export interface PartTraining<Weights, B> extends Pick<
  Training<Weights, B>,
  'cells' | 'step' | 'weights' | 'averaged' | 'dispose'
> {
  /** To be called when cells were given other values from outside. */
  restored?(): void;
}

interface PartOptions<Weights, B> {
  readonly model: { readonly architecture: unknown; readonly weights: Weights };
  /** Where the part begins. */
  readonly weights: Weights;
  readonly objective: Objective<never, Weights, B>;
  readonly loss: Loss<Weights, B>;
  readonly optimizer: Optimizer;
  readonly plan: Plan;
  readonly key: Key;
  readonly target: TrainingOptions<Weights>['target'];
  readonly shardings: TrainingOptions<Weights>['shardings'];
  readonly group: Group | undefined;
  readonly pipeline: InStages<never> | undefined;
}

/**
 * Starts the training that a plan describes, in one piece or in stages: `plan.microBatch` rows go through the stages at a time.
 *
 * @throws TrainbookError for a plan that stages cannot follow.
 */
export function startPart<Weights, B>(options: PartOptions<Weights, B>): PartTraining<Weights, B> {
  const { plan, optimizer, key, pipeline } = options;
  const skips = plan.notFinite === 'skip' || plan.spike?.action === 'skip';
  const both = {
    optimizer,
    precision: plan.precision,
    dropoutKey: fold(key, 'dropout'),
    averageDecay: plan.averageDecay,
  };
  if (pipeline === undefined) {
    const { weights, target, shardings, group } = options;
    const { microBatch, recompute, lossChunks, statisticsEvery } = plan;
    return startTraining(options.loss, {
      ...both,
      ...{ weights, target, shardings, group, microBatch, recompute, lossChunks, statisticsEvery, skips },
    });
  }
  refuseInStages(options);
  const { devices, schedule, stages } = pipeline as unknown as InStages<unknown>;
  const running = startPipeline<B>({
    ...both,
    ...stages({ ...options.model, weights: options.weights }),
    objective: options.objective as unknown as Objective<Pick<PipelineStage, 'forward'>, unknown, B>,
    microBatches: plan.batchSize / (plan.microBatch ?? plan.batchSize),
    ...(devices && { devices }),
    ...(schedule && { schedule }),
  });
  return {
    cells: running.cells,
    step: async (batch, step, limits) => {
      const result = await running.step(batch, step, limits);
      return skips ? result : { ...result, skipped: false }; // the loop says what was wrong
    },
    weights: () => running.weights() as Weights,
    averaged: () => running.averaged() as Weights,
    restored: () => {
      running.restored();
    },
    dispose: () => {
      running.dispose();
    },
  };
}

function refuseInStages<Weights, B>({ plan, group }: PartOptions<Weights, B>): void {
  const wrong = [
    ...(plan.lossChunks > 1 ? ['plan.lossChunks'] : []),
    ...(plan.statisticsEvery === undefined ? [] : ['plan.statisticsEvery']),
    ...(group === undefined || group.size === 1 ? [] : ['a group of several processes']),
  ];
  if (wrong.length === 0) return;
  throw new TrainbookError({
    what: 'train: a pipeline does not do this',
    received: wrong.join(' and '),
    expected:
      'a plan without it: a pipeline computes its stages again by itself, and its last stage makes the logits of one micro-batch',
    fix: 'leave it out, or train in one piece on a mesh',
  });
}
