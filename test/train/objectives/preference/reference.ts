import { readFileSync } from 'node:fs';

/** A loss and its gradients, one for each tensor. */
interface Expected {
  readonly loss: number;
  readonly gradients: readonly (readonly number[])[];
}

interface Metrics {
  readonly chosen: number;
  readonly rejected: number;
  readonly margin: number;
  readonly accuracy: number;
}

type JudgedLosses = Expected & {
  readonly beta: number;
  readonly desirableWeight: number;
  readonly undesirableWeight: number;
  readonly others: number[];
  readonly kl: number;
  readonly chosen: number;
  readonly rejected: number;
};

interface Fixture {
  readonly pairs: {
    readonly chosen: number[];
    readonly rejected: number[];
    readonly reference: [number[], number[]];
    readonly lengths: number[];
    readonly dpo: Expected & { readonly beta: number; readonly metrics: Metrics };
    readonly smoothed: Expected & { readonly beta: number; readonly labelSmoothing: number };
    readonly ipo: Expected & { readonly beta: number };
    readonly simpo: Expected & { readonly beta: number; readonly gamma: number };
    readonly orpo: Expected & { readonly lambda: number };
  };
  readonly judged: {
    readonly answers: number[];
    readonly reference: number[];
    readonly referenceOfOthers: number[];
    readonly desirable: number[];
    readonly near: JudgedLosses;
    readonly far: JudgedLosses;
  };
  readonly rewards: {
    readonly rewards: number[];
    readonly margins: number[];
    readonly centring: number;
    readonly plain: Expected & { readonly metrics: Metrics };
    readonly withMargins: Expected & { readonly metrics: Metrics };
    readonly centred: Expected & { readonly metrics: Metrics };
  };
}

/** Made by fixtures/preference.py with TRL's trainers. */
export const reference = JSON.parse(
  readFileSync(new URL('../../fixtures/preference.json', import.meta.url), 'utf8'),
) as Fixture;
