/**
 * How high may the learning rate be? RMSNorm and LayerNorm at rates up to thirty times that of the quickstart: the highest stable
 * rate of a norm is the last one before its runs fail, spike, or end far above the others.
 *
 * `npx trainbook ablate experiments/norm-rates.ts --workers 2`: 24 runs, about five minutes on two cores.
 */
import { ablation } from 'trainbook';
import { gradientNormVariance, small, spikes } from './norm-ablation.js';
import quickstart from './quickstart.js';

export default ablation(quickstart, {
  name: 'norm-rates',
  config: small,
  axes: {
    'model.norm': ['rms', 'layer'],
    'train.learningRate': [3e-3, 1e-2, 3e-2, 1e-1],
  },
  seeds: [1, 2, 3],
  measure: ({ score }) => score.bitsPerByte,
  label: 'held-out bits per byte',
  better: 'lower',
  also: { 'loss spikes': spikes, 'gradient norm variance': gradientNormVariance },
  to: 'score',
});
