import * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { mapTree } from '../../../src/engine/tree.js';
import { lora } from '../../../src/model/lora.js';
import { weightHash } from '../../../src/model/model.js';
import type { Model } from '../../../src/model/model.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import type { Reward } from '../../../src/train/reinforce/reward.js';
import { grpo } from '../../../src/train/recipes/reinforcement/grpo.js';
import { ppo } from '../../../src/train/recipes/reinforcement/ppo.js';
import { samplesTable } from '../../../src/train/recipes/reinforcement/samples.js';
import type { KeptSamples } from '../../../src/train/recipes/reinforcement/samples.js';
import { reinforce } from '../../../src/train/recipes/reinforce.js';
import type { ReinforceOptions } from '../../../src/train/recipes/reinforce.js';
import { chat, problems, template, tinyModel } from './tiny-chat.js';
import { twoMembers } from '../two-members.js';

/** The share of three characters that are a 7. */
const sevens: Reward = ({ completion }) => Array.from(completion).filter((letter) => letter === '7').length / 3;

type Options = Partial<ReinforceOptions<typeof template.order, string, 'sevens'>>;

const model = tinyModel();

function trained(options: Options = {}, from = model): Promise<Model> {
  return reinforce(from, {
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

/** A training with its rows of metrics by step. */
async function watched(
  options: Options,
  from = model,
): Promise<{ readonly model: Model; readonly rows: Record<string, number>[] }> {
  const rows: Record<string, number>[] = [];
  const metrics: Options['metrics'] = (step, row) => {
    rows[step - 1] = { ...rows[step - 1], ...row };
  };
  return { model: await trained({ ...options, metrics }, from), rows };
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reinforce-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('what is rewarded is learnt, from chance to above 0.9', { timeout: 600_000 }, () => {
  it('by GRPO', async () => {
    const { rows } = await watched({});
    expect(rows).toHaveLength(40);
    expect(rows[0]?.['reward']).toBeLessThan(0.2);
    expect(rows.at(-1)?.['reward']).toBeGreaterThan(0.9);
    const known = ['reward.sevens', 'rewardDeviation', 'answerTokens', 'stopped', 'varyingGroups', 'entropy'];
    expect(Object.keys(rows[0] ?? {})).toEqual(expect.arrayContaining([...known, 'rolloutSeconds']));
  });

  it.each(['own', 'shared'] as const)('by PPO with a critic of %s trunk', async (critic) => {
    const { rows } = await watched({
      method: ppo({ groupSize: 8, critic, updates: 2, valueRate: 0.5 }),
      steps: 60,
      evaluateEvery: 2,
    });
    expect(rows[0]?.['reward']).toBeLessThan(0.2);
    expect(rows.at(-2)?.['reward']).toBeGreaterThan(0.9);
    expect(Object.keys(rows[0] ?? {})).toEqual(
      expect.arrayContaining(['explainedVariance', 'klOfAnswer', 'klCoefficient']),
    );
    expect(Object.keys(rows[1] ?? {})).toEqual(
      expect.arrayContaining(['kl', 'clippedHigh', 'valueClipped', 'loss.value']),
    );
  });

  it('by an adapter, as GRPO and as PPO; what it stands beside is the reference', async () => {
    // An adapter does not change the table of tokens: as it is drawn, its logits are all near 0.
    const loud = mapTree<tf.Tensor, tf.Tensor>(model.weights, (tensor, path) =>
      path.startsWith('embedding') || path.startsWith('output') ? tf.mul(tensor, 8) : tensor,
    ) as DecoderWeights;
    const from = { ...model, weights: loud };
    const adapter = lora({ rank: 4, targets: 'all-linear' });
    for (const method of [grpo({ groupSize: 8, beta: 0.01 }), ppo({ groupSize: 8, updates: 1 })]) {
      const { model: merged, rows } = await watched({ method, adapter, learningRate: 2e-2 }, from);
      expect(rows.at(-1)?.['reward']).toBeGreaterThan((rows[0]?.['reward'] ?? 1) + 0.2);
      expect(merged.architecture).toBe(model.architecture);
      const distance = rows.map((row) => row['referenceKl'] ?? row['klOfAnswer'] ?? NaN);
      expect(distance[0]).toBeCloseTo(0, 4);
      expect(distance.at(-1)).toBeGreaterThan(0.1);
    }
  });
});

const short = { steps: 8, checkpointEvery: 4, evaluateEvery: 4, batchSize: 4 } as const;
const methods = {
  grpo: grpo({ groupSize: 4, updates: 2, beta: 0.05, scale: 'batch' }),
  ppo: ppo({ groupSize: 2, updates: 2, critic: 'shared', kl: { initial: 0.1, target: 0.5, horizon: 20 } }),
};

describe.each(['grpo', 'ppo'] as const)('a run by %s', (name) => {
  const options = { ...short, method: methods[name] };

  it('that was interrupted and goes on ends with the same weights', { timeout: 600_000 }, async () => {
    const whole = await watched(options);
    const checkpoints = join(folder, name);
    const stop = new AbortController();
    const interrupted = trained({
      ...options,
      checkpoints,
      signal: stop.signal,
      on: (event) => {
        if (event.type === 'step' && event.step === 3) stop.abort();
      },
    });
    await expect(interrupted).rejects.toThrow('interrupted after step 4');
    const resumed = await watched({ ...options, checkpoints });
    expect(await weightHash(resumed.model)).toBe(await weightHash(whole.model));
    const coefficients = (rows: readonly Record<string, number>[]): unknown[] =>
      [4, 6].map((row) => rows[row]?.['klCoefficient']);
    expect(coefficients(resumed.rows)).toEqual(coefficients(whole.rows));
    if (name === 'ppo') expect(new Set(coefficients(whole.rows)).size).toBe(2);
  });

  it('of two processes has the curve of one, and writes the same answers', { timeout: 600_000 }, async () => {
    const completions = new Map<number, string[]>();
    const heldOut = problems.slice(0, 3);
    const told =
      (run: number): Options['onSamples'] =>
      (_, samples) =>
        completions.set(run, [...(completions.get(run) ?? []), ...samples.map(({ completion }) => completion)]);
    const common = { ...options, heldOut, samplesEvery: 2 };
    const alone = await watched({ ...common, onSamples: told(0) });
    const both = await Promise.all(
      twoMembers().map((group) => watched({ ...common, group, onSamples: told(1 + group.index) })),
    );
    for (const { rows } of both) {
      for (const [step, row] of alone.rows.entries()) {
        for (const of of ['loss', 'reward', 'rewardDeviation', 'answerTokens', 'heldOutReward', 'klCoefficient']) {
          expect(rows[step]?.[of] ?? 0, `${of} of step ${step + 1}`).toBeCloseTo(row[of] ?? 0, 4);
        }
      }
    }
    expect([...(completions.get(1) ?? []), ...(completions.get(2) ?? [])].sort()).toEqual(completions.get(0)?.sort());
    expect(await weightHash(both[0]?.model ?? model)).toBe(await weightHash(both[1]?.model ?? model));
  });
});

it('samples are kept, and shown with what each reward says', { timeout: 300_000 }, async () => {
  const kept: KeptSamples<string, 'sevens'>[] = [];
  const onSamples: Options['onSamples'] = (step, samples) => {
    kept.push({ step, samples });
  };
  await trained({ steps: 4, onSamples, samplesEvery: 2 });
  expect(kept.map(({ step }) => step)).toEqual([1, 3]);
  const [{ samples } = { samples: [] }] = kept;
  expect(samples).toHaveLength(32);
  for (const sample of samples) {
    expect(sample.reward).toBe(sevens(sample));
    expect(problems[sample.problem]?.prompt[0]?.content).toBe(sample.prompt);
  }
  const group = samples.slice(0, 8).reduce((sum, { advantage }) => sum + advantage, 0);
  expect(group).toBeCloseTo(0, 6);
  const table = samplesTable(kept, { perStep: 2 });
  expect(table.columns).toEqual(['step', 'prompt', 'completion', 'reward', 'sevens', 'advantage']);
  const rewards = samples.map(({ reward }) => reward);
  expect(table.rows.map(([step, , , reward]) => [step, reward]).slice(0, 2)).toEqual([
    [1, Math.max(...rewards)],
    [1, Math.min(...rewards)],
  ]);
});
