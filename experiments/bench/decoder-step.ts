import { availableParallelism } from 'node:os';
import { deepSeekV3, key, opt, qwen2Moe, saveModel, type Decoder } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { adamwNumbers } from './gpt-recipe.js';
import { allOf, compareAll, timing, writeBatches } from './transformers-step.js';

const sizes = (quick: boolean) => (quick ? { batchSize: 2, context: 16 } : { batchSize: 4, context: 256 });

/** OPT as it was published; the mixtures at a size that two cores train, with the published ones' proportions. */
function architectures(quick: boolean): Readonly<Record<string, Decoder>> {
  const { context } = sizes(quick);
  const tiny = { layers: 2, width: 32, heads: 2, context, vocabularySize: 65 };
  const small = quick
    ? { ...tiny, hidden: 64 }
    : { layers: 6, width: 384, heads: 6, context, vocabularySize: 4096, hidden: 1024 };
  const hidden = quick ? 16 : 256;
  return {
    'OPT 125M': opt('125m', quick ? tiny : { context }),
    'Qwen2-MoE, 16 experts, 4 active': qwen2Moe('a2.7b', {
      ...small,
      experts: { number: 16, active: 4, hidden, shared: { hidden: 4 * hidden, gated: true }, normalised: false },
    }),
    'DeepSeek-V3, 16 experts, 4 active': deepSeekV3('671b', {
      ...small,
      latent: quick
        ? { keyValueRank: 16, queryRank: 24, plainSize: 8, rotarySize: 8, valueSize: 8 }
        : { keyValueRank: 128, queryRank: 192, plainSize: 64, rotarySize: 32, valueSize: 64 },
      experts: {
        ...{ number: 16, active: 4, hidden, fromLayer: 1, shared: { hidden } },
        ...{ scores: 'sigmoid', scale: 2.5, groups: { number: 4, active: 2 }, balancedBy: 'bias' },
      },
    }),
  };
}

const comparison = (quick: boolean) =>
  allOf(architectures(quick), 'decoder', async (architecture, folder) => {
    await saveModel({ architecture, weights: architecture.init(key(1)) }, folder);
    const { vocabularySize } = architecture.config;
    await writeBatches({ ...sizes(quick), vocabularySize, counted: 1 }, folder);
  });

/**
 * Training steps of decoders that others published, against the same models in transformers: same weights, batches and AdamW.
 * transformers' OPT does not learn what its token 1, padding, means: losses differ where that is drawn, by 3e-4 in the quick form.
 */
export const decoderStep: Benchmark = {
  name: 'decoder-step',
  title:
    'a training step of OPT, Qwen2-MoE and DeepSeek-V3 (forward, backward, AdamW), beside Hugging Face transformers',
  workload: (quick) => ({
    models: comparison(quick).models,
    ...sizes(quick),
    adamw: adamwNumbers,
    balance: 'none in the loss, as in the peer',
    dtype: 'float32',
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
    ...timing(quick),
  }),
  run: (context) => compareAll(comparison(context.quick).compared, context),
};
