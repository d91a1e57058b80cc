import { z } from 'zod';
import { planShape } from './plan.js';

/** AdamW's numbers, and its rate over the training. */
const optimizerShape = {
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
};

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
    ...optimizerShape,
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

/**
 * The same for what comes after pretraining, where a length may be in epochs, the rate is lower, and weights decay less; unknown keys are
 * refused.
 *
 * @example
 * recipeOptions.parse({ epochs: 3, batchSize: 16, learningRate: 2e-5, warmupSteps: 10 });
 */
export const recipeOptions = z
  .strictObject({
    steps: z.int().positive().optional().describe('updates of the weights'),
    epochs: z.number().positive().optional().describe('times that every row is seen'),
    ...planShape,
    ...optimizerShape,
    beta2: optimizerShape.beta2.default(0.999),
    weightDecay: optimizerShape.weightDecay.default(0),
  })
  .check(({ value, issues }) => {
    if ((value.steps === undefined) !== (value.epochs === undefined)) return;
    issues.push({
      code: 'custom',
      input: value,
      path: [value.steps === undefined ? 'steps' : 'epochs'],
      message: 'there are either steps or epochs',
    });
  });

/** What a user writes. */
export type RecipeNumbers = z.input<typeof recipeOptions>;
