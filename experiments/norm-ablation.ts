/**
 * Does it matter which norm, which positions, which MLP? The quickstart, smaller, with RMSNorm or LayerNorm, rotary, learned or
 * sinusoidal positions, and ReLU, GELU or SwiGLU: 18 arms with 3 seeds each. Beside the held-out bits per byte, how calm the training
 * was: spikes of the loss, and how much the gradient's norm varies.
 *
 * `npx trainbook ablate experiments/norm-ablation.ts --workers 2`: 54 runs, about a quarter of an hour on two cores.
 */
import { ablation, type Measured } from 'trainbook';
import quickstart from './quickstart.js';

type Curves = Pick<Measured<unknown, object>, 'metrics'>;

/** Steps whose loss stood out by six deviations. */
export const spikes = ({ metrics }: Curves): number => metrics.filter(({ values }) => values['spike'] === 1).length;

/** Variance of the gradient's norm, before it is cut, relative to its squared mean: after the first tenth of the steps. */
export const gradientNormVariance = ({ metrics }: Curves): number => {
  const all = metrics.flatMap(({ values }) => values['gradientNorm'] ?? []);
  const norms = all.slice(Math.ceil(all.length / 10));
  const mean = norms.reduce((sum, norm) => sum + norm, 0) / norms.length;
  return norms.reduce((sum, norm) => sum + (norm / mean - 1) ** 2, 0) / norms.length;
};

/** An arm takes about 25 seconds on one core. */
export const small = {
  model: { layers: 2, width: 128, heads: 2 },
  train: { steps: 200, warmupSteps: 20, evaluateEvery: 100, spike: { deviations: 6, action: 'record' } },
} as const;

export default ablation(quickstart, {
  name: 'norms',
  config: small,
  axes: {
    'model.norm': ['rms', 'layer'],
    'model.positions': ['rotary', 'learned', 'sinusoidal'],
    'model.mlp': ['swiglu', 'gelu', 'relu'],
  },
  seeds: [1, 2, 3],
  measure: ({ score }) => score.bitsPerByte,
  label: 'held-out bits per byte',
  better: 'lower',
  also: { 'loss spikes': spikes, 'gradient norm variance': gradientNormVariance },
  to: 'score',
});
