import type * as tf from '@tensorflow/tfjs';
import { adamw } from './adamw.js';
import type { AdamwOptions } from './adamw.js';
import { addWeightDecay } from './add-weight-decay.js';
import { clipByGlobalNorm } from './clip-by-global-norm.js';
import { chain } from './optimizer.js';
import type { Optimizer } from './optimizer.js';
import type { OptimizerOptions } from './optimizer-options.js';
import { orthogonalise } from './orthogonalise.js';
import type { OrthogonaliseOptions } from './orthogonalise.js';
import { partition } from './partition.js';
import { scaleByLearningRate } from './scale-by-learning-rate.js';
import { scaleByMomentum } from './scale-by-momentum.js';

/** Muon's numbers. */
export interface MuonOptions extends OptimizerOptions, OrthogonaliseOptions {
  /** Decay of the sum of gradients. Default 0.95. */
  readonly momentum?: number;
  /** Look one step ahead. Default true. */
  readonly nesterov?: boolean;
  /** Which leaves Muon trains. Default: `blockMatrices`. */
  readonly matrices?: (path: string, parameter: tf.Tensor) => boolean;
  /** AdamW's numbers for all others. Default: the same learning rate and weight decay. */
  readonly others?: Partial<Omit<AdamwOptions, 'clipNorm'>>;
}

/**
 * Matrices of a model's blocks and of what stands between them, such as `layers.3.mlp.up.weight` or Swin's `stages.0.merging.reduction.weight`:
 * not embeddings, output, gains and biases, nor Swin's tables of distances.
 */
export function blockMatrices(path: string, parameter: tf.Tensor): boolean {
  return (
    parameter.rank === 2 && /(?:^|\.)(?:(?:layers|blocks)\.\d+|merging)\./.test(path) && !path.endsWith('relativeBias')
  );
}

/**
 * Muon for the matrices of blocks, AdamW for everything else: clip (default: none), then momentum (default 0.95, Nesterov's), nearly
 * orthogonal updates, decoupled weight decay (default 0.1), learning rate. Its state is half of AdamW's.
 *
 * Jordan 2024 (kellerjordan.github.io/posts/muon), Liu 2025 (2502.16982); equal to `torch.optim.Muon` but for the precision of its
 * products. PyTorch keeps the mean of gradients and not their sum, which is the same here, as orthogonal updates have no length.
 *
 * @example
 * muon({ learningRate: warmupCosine({ learningRate: 1e-3, warmupSteps: 30, steps: 300 }) });
 */
export function muon({
  learningRate,
  weightDecay = 0.1,
  clipNorm = Infinity,
  momentum = 0.95,
  nesterov = true,
  matrices = blockMatrices,
  others = {},
  ...orthogonal
}: MuonOptions): Optimizer {
  return chain(
    clipByGlobalNorm(clipNorm),
    partition((path, parameter) => (matrices(path, parameter) ? 'matrices' : 'others'), {
      matrices: chain(
        scaleByMomentum({ momentum, nesterov }),
        orthogonalise(orthogonal),
        addWeightDecay(weightDecay),
        scaleByLearningRate(learningRate),
      ),
      others: adamw({ learningRate, weightDecay, ...others, clipNorm: Infinity }),
    }),
  );
}
