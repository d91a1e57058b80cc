import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { flatten } from '../engine/tree.js';
import type { Summary } from '../figure.js';
import { readJson, writeAtomic } from '../files.js';
import type { Codec } from '../files.js';
import { TrainbookError } from '../error.js';
import { loadEncoder, saveEncoder } from './encoder-model.js';
import type { EncoderWeights } from './encoder-specs.js';
import { loadModel, saveModel } from './model.js';
import { parameterFigure } from './parameter-figure.js';
import { rewardModel, rewardModelOptions } from './reward-model.js';
import type { RewardModel } from './reward-model.js';
import { loadWeights, saveWeights } from './tree-weights.js';
import type { DecoderWeights } from './weights.js';

/*
 * A folder of a reward model: `reward.json`, the trunk as a model folder of its own, and the heads.
 *
 * {"format":1,"kind":"reward","trunk":"decoder","config":{"dimensions":{"factuality":0.5,"safety":0.5},"pooling":"lastToken"}}
 */

const file = z.strictObject({
  format: z.literal(1),
  kind: z.literal('reward'),
  trunk: z.enum(['decoder', 'encoder']),
  config: rewardModelOptions,
});

/**
 * Writes a reward model into a folder: `reward.json`, `trunk/` as `saveModel` or `saveEncoder` writes it, and `heads/`.
 *
 * @example
 * await saveRewardModel(judge, 'my-judge');
 */
export async function saveRewardModel({ architecture, weights }: RewardModel, folder: string): Promise<void> {
  const { trunk, config } = architecture;
  await mkdir(folder, { recursive: true });
  const json: z.input<typeof file> = { format: 1, kind: 'reward', trunk: trunk.kind, config };
  await writeAtomic(join(folder, 'reward.json'), `${JSON.stringify(json, null, 2)}\n`);
  if (trunk.kind === 'decoder') {
    await saveModel({ architecture: trunk, weights: weights.trunk as DecoderWeights }, join(folder, 'trunk'));
  } else {
    const own = { architecture: trunk, weights: weights.trunk as EncoderWeights, heads: {} };
    await saveEncoder(own, join(folder, 'trunk'));
  }
  await saveWeights(weights.heads, join(folder, 'heads'));
}

/**
 * Reads what `saveRewardModel` wrote.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the others.
 * @example
 * const judge = await loadRewardModel('my-judge');
 */
export async function loadRewardModel(folder: string): Promise<RewardModel> {
  const path = join(folder, 'reward.json');
  const parsed = file.safeParse(await readJson(path));
  if (!parsed.success) {
    throw new TrainbookError({
      what: `${path} does not describe a reward model: ${z.prettifyError(parsed.error)}`,
      expected: 'a folder that saveRewardModel wrote',
    });
  }
  const { trunk: kind, config } = parsed.data;
  const trunk = await (kind === 'decoder' ? loadModel : loadEncoder)(join(folder, 'trunk'));
  const architecture = rewardModel(trunk.architecture, config);
  const specs = Object.fromEntries(architecture.dimensions.map((name) => [name, architecture.headSpecs]));
  const heads = (await loadWeights<unknown>(specs, join(folder, 'heads'))) as RewardModel['weights']['heads'];
  return { architecture, weights: { trunk: trunk.weights, heads } };
}

/** How a run keeps a reward model. */
export const rewardModelCodec: Codec<RewardModel> = {
  kind: 'reward-model',
  is: (value): value is RewardModel =>
    typeof value === 'object' &&
    value !== null &&
    'weights' in value &&
    (value as Partial<RewardModel>).architecture?.kind === 'reward',
  write: saveRewardModel,
  read: loadRewardModel,
  dispose: ({ weights }) => {
    for (const tensor of flatten<tf.Tensor>(weights)) tensor.dispose();
  },
  summarise: summariseRewardModel,
};

/** What a report shows of a reward model. */
export function summariseRewardModel({ architecture }: RewardModel): Summary {
  const { trunk, config, dimensions, numParameters } = architecture;
  return {
    title: 'Reward model',
    facts: {
      parameters: numParameters,
      trunk: `${trunk.kind} of ${trunk.config.layers} layers, ${trunk.config.width} wide`,
      'context (tokens)': trunk.config.context,
      pooling: config.pooling,
      reward: dimensions.map((name) => `${(config.dimensions[name] ?? 0).toPrecision(3)} ${name}`).join(' + '),
    },
    figures: [parameterFigure(trunk)],
  };
}
