import { z } from 'zod';
import { planShape } from './plan.js';

/**
 * How a model is trained, as an experiment writes it: a plan, and AdamW's numbers; unknown keys are refused.
 *
 * @example
 * trainOptions.parse({ steps: 300, batchSize: 8, learningRate: 1e-3, warmupSteps: 30 });
 */
export const trainOptions = z
  .strictObject({
    steps: z.int().positive().describe('updates of the weights'),
    ...planShape,

    // the optimizer
    learningRate: z.number().positive().describe('the highest learning rate'),
    warmupSteps: z.int().nonnegative().default(0).describe('steps in which the rate rises linearly'),
    finalFraction: z.number().min(0).max(1).default(0.1).describe('the last learning rate as a part of the highest'),
    beta1: z.number().min(0).lt(1).default(0.9).describe('decay of the mean of gradients'),
    beta2: z.number().min(0).lt(1).default(0.95).describe('decay of the mean of squared gradients'),
    epsilon: z.number().positive().default(1e-8).describe('added to the root of the mean square'),
    weightDecay: z
      .number()
      .nonnegative()
      .default(0.1)
      .describe('decay of matrices towards 0, relative to the learning rate'),
    clipNorm: z.number().positive().default(1).describe('gradients are cut at this norm'),
  })
  .check(({ value, issues }) => {
    if (value.warmupSteps > value.steps) {
      issues.push({
        code: 'custom',
        input: value.warmupSteps,
        path: ['warmupSteps'],
        message: `warmupSteps must not exceed steps: ${value.warmupSteps} > ${value.steps}`,
      });
    }
  });

/** What a user writes. */
export type TrainOptions = z.input<typeof trainOptions>;

/** With every default filled in. */
export type TrainPlan = z.output<typeof trainOptions>;
