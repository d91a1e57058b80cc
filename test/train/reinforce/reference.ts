import { readFileSync } from 'node:fs';

type Matrix = readonly (readonly number[])[];

// Made by fixtures/reinforce.py with TRL 1.16.0 (GRPO), 0.23.1 (PPO) and 0.11.4 (the controller).
export const reference = JSON.parse(readFileSync(new URL('../fixtures/reinforce.json', import.meta.url), 'utf8')) as {
  readonly policy: Readonly<
    Record<'logProbabilities' | 'oldLogProbabilities' | 'referenceLogProbabilities' | 'mask', Matrix>
  > & {
    readonly advantages: readonly number[];
    readonly constantLength: number;
    readonly cases: readonly {
      readonly lossType: 'grpo' | 'bnpo' | 'dr_grpo' | 'dapo';
      readonly level: 'token' | 'sequence';
      readonly clipLow: number;
      readonly clipHigh: number;
      readonly beta: number;
      readonly loss: number;
      readonly gradient: Matrix;
      readonly clippedLow: number;
      readonly clippedHigh: number;
      readonly kl?: number;
    }[];
  };
  readonly groups: {
    readonly rewards: readonly [Matrix, Matrix];
    readonly weights: readonly [number, number];
  } & Readonly<Record<'group' | 'batch' | 'none' | 'decoupled', Matrix>>;
  readonly ppo: Readonly<Record<'discount' | 'smoothing' | 'coefficient' | 'clip', number>> &
    Readonly<Record<'valueLoss' | 'valueClipped' | 'policyLoss' | 'policyClipped', number>> & {
      readonly scores: readonly number[];
    } & Readonly<
      Record<
        | 'mask'
        | 'longerMask'
        | 'values'
        | 'rewards'
        | 'rewardsK3'
        | 'whitenedRewards'
        | 'plainAdvantages'
        | 'advantages'
        | 'returns'
        | 'newValues'
        | 'valueGradient'
        | 'policyGradient',
        Matrix
      >
    >;
  readonly controller: {
    readonly initial: number;
    readonly target: number;
    readonly horizon: number;
    readonly numAnswers: number;
    readonly rows: readonly { readonly kl: number; readonly coefficient: number }[];
  };
};
