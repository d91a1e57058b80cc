// Answers that a policy wrote → the losses of GRPO and PPO.
export { answerBatch, type AnswerBatch, type AnswerRow } from './answer-batch.js';
export { grpoObjective, type GroupBatch, type GrpoObjectiveOptions } from './grpo.js';
export { tokenPass, type PassTokens, type TokenPass, type TokenPassOptions } from './token-pass.js';
