import { availableParallelism } from 'node:os';
import { key, retnet, saveRetNet, type RetNet } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { adamwNumbers } from './gpt-recipe.js';
import { compareAll, timing, writeBatches } from './transformers-step.js';

const sizes = (quick: boolean) => (quick ? { batchSize: 2, context: 16 } : { batchSize: 4, context: 256 });

function architectureOf(quick: boolean): RetNet {
  const options = quick ? { layers: 1, width: 32, heads: 2 } : { layers: 12, width: 768, heads: 6 };
  return retnet({ ...options, context: sizes(quick).context, vocabularySize: quick ? 65 : 16_384 });
}

/** A training step of a retentive network, in chunks of 128, against the same in PyTorch in the parallel form. */
export const retnetStep: Benchmark = {
  name: 'retnet-step',
  title: 'a training step of RetNet (forward, backward, AdamW), beside a PyTorch written from the paper',
  workload: (quick) => ({
    numParameters: architectureOf(quick).numParameters,
    ...sizes(quick),
    adamw: adamwNumbers,
    dtype: 'float32',
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
    ...timing(quick),
  }),
  run: (context) => {
    const architecture = architectureOf(context.quick);
    const { vocabularySize } = architecture.config;
    const prepare = async (folder: string): Promise<void> => {
      await saveRetNet({ architecture, weights: architecture.init(key(1)) }, folder);
      await writeBatches({ ...sizes(context.quick), vocabularySize, counted: 1 }, folder);
    };
    // AdamW's first step is as large for a gradient that is only rounding: after it PyTorch's two forms differ by 1e-3 themselves.
    return compareAll([{ name: 'RetNet', kind: 'retnet', prepare, checkSteps: 1 }], context);
  },
};
