import { readFileSync } from 'node:fs';

/** A loss and its gradients. */
export interface Expected {
  readonly loss: number;
  readonly gradients: readonly number[][][];
}

interface Fixture {
  readonly tokens: {
    readonly logits: number[][];
    readonly targets: number[];
    readonly weights: number[];
    readonly labelSmoothing: number;
    readonly smoothed: Expected;
    readonly zLoss: Expected;
  };
  readonly classes: {
    readonly logits: number[][];
    readonly targets: number[];
    readonly classWeights: number[];
    readonly labelSmoothing: number;
    readonly plain: Expected;
    readonly weighted: Expected;
    readonly both: Expected;
  };
  readonly regression: {
    readonly outputs: number[][];
    readonly targets: number[][];
    readonly huber: number;
    readonly squared: Expected;
    readonly robust: Expected;
  };
  readonly contrast: {
    readonly anchors: number[][];
    readonly positives: number[][];
    readonly negatives: number[][];
    readonly temperature: number;
    readonly pairs: Expected;
    readonly hard: Expected;
    readonly symmetric: Expected;
  };
}

/** Made by fixtures/objectives.py with PyTorch and sentence-transformers. */
export const reference = JSON.parse(
  readFileSync(new URL('../fixtures/objectives.json', import.meta.url), 'utf8'),
) as Fixture;
