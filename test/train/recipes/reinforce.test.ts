import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import type { Reward } from '../../../src/train/reinforce/reward.js';
import { grpo } from '../../../src/train/recipes/reinforcement/grpo.js';
import { reinforce } from '../../../src/train/recipes/reinforce.js';
import type { ReinforceOptions } from '../../../src/train/recipes/reinforce.js';
import type { Model } from '../../../src/model/model.js';
import { chat, problems, tinyModel, template } from './tiny-chat.js';

/** The share of an answer's characters that are a 7. */
const sevens: Reward = ({ completion }) => Array.from(completion).filter((letter) => letter === '7').length / 3;

type Options = Partial<ReinforceOptions<typeof template.order, string, 'sevens'>>;

const model = tinyModel();

function trained(options: Options = {}): Promise<Model> {
  return reinforce(model, {
    chat,
    problems,
    rewards: { sevens },
    method: grpo({ groupSize: 8 }),
    maxTokens: 3,
    steps: 40,
    batchSize: 4,
    learningRate: 2e-2,
    key: key(5),
    target: 'graph',
    ...options,
  });
}

describe('reinforce', () => {
  it('GRPO learns to write what is rewarded, from chance to above 0.9', async () => {
    const rewards: number[] = [];
    await trained({
      metrics: (_, row) => {
        if (row['reward'] !== undefined) rewards.push(row['reward']);
      },
    });
    expect(rewards).toHaveLength(40);
    expect(rewards[0]).toBeLessThan(0.2);
    expect(rewards.at(-1)).toBeGreaterThan(0.9);
  });
});
