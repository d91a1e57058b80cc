import { z } from 'zod';

/**
 * The fields of a plan that say how long and how a training runs, whatever is trained. Those under "memory and speed" change what a
 * step costs, and not what it computes, but for rounding.
 */
export const planShape = {
  batchSize: z.int().positive().describe('rows a step, of all processes together'),

  // memory and speed
  microBatch: z
    .int()
    .positive()
    .optional()
    .describe('rows that are computed at a time; gradients add up to the batch’s'),
  precision: z
    .enum(['float32', 'tf32', 'bfloat16', 'float16'])
    .default('float32')
    .describe('number format of matrix products'),
  recompute: z
    .boolean()
    .default(false)
    .describe('compute blocks again in the backward pass, in place of keeping their inside'),
  lossChunks: z.int().positive().default(1).describe('parts in which the logits are computed and forgotten'),
  optimizerState: z
    .enum(['float32', 'bfloat16', 'int8'])
    .default('float32')
    .describe('what the optimizer’s state is kept in between steps'),

  // watching
  evaluateEvery: z.int().positive().default(100).describe('steps between evaluations; the last step has one too'),
  heldOutRows: z
    .int()
    .positive()
    .default(128)
    .describe('rows of the held-out text, evenly spread, that such an evaluation looks at'),
  best: z
    .strictObject({
      metric: z.string().describe('a number that an evaluation gives'),
      better: z.enum(['lower', 'higher']).default('lower'),
      patience: z
        .int()
        .positive()
        .optional()
        .describe('evaluations without a better one after which the training ends'),
    })
    .optional()
    .describe('which checkpoint is the best, and kept'),
  spike: z
    .strictObject({
      deviations: z.number().positive().default(6).describe('standard deviations above the running mean of the loss'),
      action: z.enum(['record', 'skip', 'stop']).default('record'),
    })
    .optional()
    .describe('what to do with a step whose loss stands out'),
  statisticsEvery: z
    .int()
    .positive()
    .optional()
    .describe('steps between norms of gradients, weights and updates, block by block; none unless given'),
  notFinite: z
    .enum(['stop', 'skip'])
    .default('stop')
    .describe('what to do with a step whose loss or gradient is no number'),
  averageDecay: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe(
      'keep a running mean of the weights, of which so much stays at each step; it is evaluated, and is the result',
    ),

  // checkpoints
  checkpointEvery: z.int().positive().default(100).describe('steps between checkpoints'),
  keepLast: z.int().positive().default(2).describe('newest checkpoints that are kept; one may turn out damaged'),
};

/**
 * How a training runs: a plan with its length in steps or epochs; unknown keys are refused.
 *
 * @example
 * planOptions.parse({ epochs: 3, batchSize: 32, microBatch: 8, recompute: true });
 */
export const planOptions = z
  .strictObject({
    steps: z.int().positive().optional().describe('updates of the weights'),
    epochs: z.number().positive().optional().describe('times that every row is seen'),
    ...planShape,
  })
  .check(({ value, issues }) => {
    if ((value.steps === undefined) === (value.epochs === undefined)) {
      issues.push({
        code: 'custom',
        input: value,
        path: [value.steps === undefined ? 'steps' : 'epochs'],
        message: 'a plan has either steps or epochs',
      });
    }
  });

/** What a user writes. */
export type PlanOptions = z.input<typeof planOptions>;

/** With every default filled in. */
export type Plan = z.output<typeof planOptions>;
