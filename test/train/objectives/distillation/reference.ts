import { readFileSync } from 'node:fs';

/** A loss of a model, and its gradients by the names of `places`. */
export interface Case {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, number[] | number[][]>>;
}

interface Fixture {
  readonly rows: {
    readonly student: number[];
    readonly teacher: number[];
    readonly cases: {
      readonly beta: number;
      readonly temperature: number;
      readonly loss: number;
      readonly gradient: number[];
    }[];
  };
  readonly inputs: number[];
  readonly weights: number[];
  readonly logits: Case;
  readonly gkd: Case;
  readonly attention: Case;
  readonly relations: (Case & { readonly heads: number; readonly layer: number })[];
  readonly hiddenStates: Case & { readonly pairs: [number, number][]; readonly projections: number[][][] };
}

/** Made by fixtures/distillation.py with TRL, transformers and PyTorch. */
export const reference = JSON.parse(
  readFileSync(new URL('../../fixtures/distillation.json', import.meta.url), 'utf8'),
) as Fixture;

/** The paths of the weights whose gradients the fixture has. */
export const places: Readonly<Record<string, string>> = {
  firstNorm: 'layers.0.attentionNorm.weight',
  query: 'layers.1.attention.query.weight',
  key: 'layers.1.attention.key.weight',
  value: 'layers.1.attention.value.weight',
};
