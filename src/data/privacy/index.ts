// Differential privacy: what noisy sums spend. (What picks spend is in `mix/privacy-account.ts`.)
export { renyiOfSampledGaussian, type SampledGaussian } from './sampled-gaussian.js';
export {
  epsilonOf,
  gaussianSpent,
  noiseFor,
  renyiOrders,
  type GaussianSteps,
  type PrivacySpent,
  type RenyiCurve,
} from './renyi-account.js';
