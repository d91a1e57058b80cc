import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { mapTree } from '../../../../src/engine/tree.js';
import { loadModel } from '../../../../src/model/model.js';
import type { DecoderWeights } from '../../../../src/model/weights.js';
import { actorCritic } from '../../../../src/train/objectives/policy/actor-critic.js';
import type { ActorCriticWeights } from '../../../../src/train/objectives/policy/actor-critic.js';
import { answerBatch } from '../../../../src/train/objectives/policy/answer-batch.js';
import { grpoObjective } from '../../../../src/train/objectives/policy/grpo.js';
import type { GroupBatch } from '../../../../src/train/objectives/policy/grpo.js';
import { ppoObjective } from '../../../../src/train/objectives/policy/ppo.js';
import type { ActorCriticBatch } from '../../../../src/train/objectives/policy/ppo.js';
import { tokenPass } from '../../../../src/train/objectives/policy/token-pass.js';
import { tokenLogProbabilities } from '../../../../src/train/objectives/token-log-probabilities.js';
import { counted, momentsTogether, whitened } from '../../../../src/train/recipes/reinforcement/moments.js';
import { tokenAdvantages } from '../../../../src/train/recipes/reinforcement/token-advantages.js';
import { groupAdvantages } from '../../../../src/train/reinforce/group-advantages.js';
import type { TokenMean } from '../../../../src/train/reinforce/token-mean.js';
import { expectClose } from '../../../model/close.js';
import { descend } from '../descent.js';
import type { Descended } from '../descent.js';

type Matrix = readonly (readonly number[])[];
type Gradients = Readonly<Record<string, number[] | Matrix | number>>;
interface PpoCase {
  readonly oldValues: Matrix;
  readonly returns: Matrix;
  readonly advantages: Matrix;
  readonly loss: number;
  readonly policy: number;
  readonly value: number;
  readonly valueClipped: number;
  readonly gradients: Gradients;
  readonly coefficient: number;
  readonly discount: number;
  readonly smoothing: number;
  readonly valueRate: number;
  readonly clip: number;
}
/** Made by fixtures/policy_model.py with TRL's loss lines, PyTorch and transformers. */
const expected = JSON.parse(readFileSync(new URL('../../fixtures/policy_model.json', import.meta.url), 'utf8')) as {
  readonly temperature: number;
  readonly constantLength: number;
  readonly prompts: number[][];
  readonly answers: number[][][];
  readonly rewards: number[][];
  readonly head: number[];
  readonly bias: number;
  readonly old: Matrix;
  readonly reference: Matrix;
  readonly grpo: readonly {
    readonly lossType: 'dapo' | 'grpo' | 'dr_grpo';
    readonly severalUpdates: boolean;
    readonly scale: 'group' | 'none';
    readonly ratioOf: 'token' | 'answer';
    readonly clipLow: number;
    readonly clipHigh: number;
    readonly beta: number;
    readonly loss: number;
    readonly gradients: Gradients;
    readonly referenceKl?: number;
    readonly clippedLow?: number;
    readonly clippedHigh?: number;
  }[];
  readonly ppo: Readonly<Record<'shared' | 'own', PpoCase>>;
};

const { architecture, weights } = await loadModel(
  fileURLToPath(new URL('../../../model/fixtures/llama', import.meta.url)),
);
const scaled = (factor: number): DecoderWeights =>
  mapTree<tf.Tensor, tf.Tensor>(weights, (tensor) => tf.mul(tensor, factor)) as DecoderWeights;
const { temperature } = expected;
const rows = expected.prompts.flatMap((prompt, group) =>
  (expected.answers[group] ?? []).map((tokens) => ({ prompt, tokens })),
);
const batch = answerBatch(rows, 9);
const logProbabilities = tokenPass('tokens', (values: DecoderWeights, tokens) => ({
  found: tokenLogProbabilities(architecture, values, { ...tokens, temperature }),
}));
const [{ found: old }, { found: reference }] = await Promise.all([
  logProbabilities(scaled(0.97), batch),
  logProbabilities(scaled(1.1), batch),
]);

/** The numbers of the answers' tokens, one answer after another. */
const ofAnswers = (numbers: Float32Array): number[] => counted(numbers, batch.mask);
const listed = (matrix: Matrix): number[] =>
  matrix.flatMap((row, index) => row.slice(0, rows[index]?.tokens.length ?? 0));

function expectGradients({ gradients }: Descended, wanted: Gradients, places: Readonly<Record<string, string>>): void {
  for (const [name, numbers] of Object.entries(wanted)) {
    expectClose(gradients.get(places[name] ?? '') ?? [], [numbers].flat<unknown, 2>(2) as number[], 1e-5);
  }
}

const pieces = { microBatch: 2, lossChunks: 5, recompute: true };

describe('a pass over the tokens', () => {
  it('has PyTorch’s log-probabilities at a temperature, also in pieces', async () => {
    expectClose(ofAnswers(old), listed(expected.old), 1e-5);
    expectClose(ofAnswers(reference), listed(expected.reference), 1e-5);
    const inPieces = tokenPass(
      'tokens',
      (values: DecoderWeights, tokens) => ({
        found: tokenLogProbabilities(architecture, values, { ...tokens, temperature }, { chunks: 3 }),
      }),
      { microBatch: 3, target: 'graph' },
    );
    expectClose((await inPieces(scaled(0.97), batch)).found, old, 1e-5);
  });
});

describe.each(expected.grpo)('GRPO of a whole model: $lossType, ratio of a $ratioOf, β $beta', (row) => {
  const { beta, clipLow, clipHigh, ratioOf, severalUpdates, scale } = row;
  const means: Readonly<Record<typeof row.lossType, TokenMean>> = {
    dapo: 'tokens',
    grpo: 'answers',
    dr_grpo: { constantLength: expected.constantLength },
  };
  const objective = grpoObjective({
    mean: means[row.lossType],
    beta,
    clipLow,
    clipHigh,
    ratioOf,
    severalUpdates,
    temperature,
  });
  const full: GroupBatch = {
    ...batch,
    advantages: Float32Array.from(groupAdvantages(expected.rewards, { scale }).flat()),
    ...(severalUpdates && { old }),
    ...(beta > 0 && { reference }),
  };

  it.each(beta > 0 ? [{}, pieces] : [{}])('has the loss and the gradients of TRL and PyTorch, %o', async (options) => {
    const descended = await descend(objective(architecture), weights, full, options);
    const { loss, watched } = descended.result;
    expect(Math.abs(loss - row.loss)).toBeLessThan(1e-5);
    expectGradients(descended, row.gradients, {
      norm: 'norm.weight',
      firstNorm: 'layers.0.attentionNorm.weight',
      query: 'layers.0.attention.query.weight',
    });
    if (row.referenceKl !== undefined) expect(watched['referenceKl']).toBeCloseTo(row.referenceKl, 5);
    if (!severalUpdates) expect(Object.keys(watched)).toEqual(['entropy']);
    if (!severalUpdates || row.clippedLow === undefined) return;
    expect(watched['clippedLow']).toBeCloseTo(row.clippedLow, 5);
    expect(watched['clippedHigh']).toBeCloseTo(row.clippedHigh ?? NaN, 5);
  });
});

describe.each(['shared', 'own'] as const)('PPO of a whole model, with a critic of %s trunk', (critic) => {
  const wanted = expected.ppo[critic];
  const model = actorCritic(architecture);
  const first = (factor: number): ActorCriticWeights<DecoderWeights> => ({
    policy: weights,
    critic: {
      head: { weight: tf.tensor2d(expected.head, [16, 1]), bias: tf.tensor1d([expected.bias]) },
      trunk: scaled(factor),
    },
  });

  it('has the values, advantages, loss and gradients of TRL and PyTorch', async () => {
    const pass = tokenPass('values', (values: ActorCriticWeights<DecoderWeights>, tokens) => ({
      values: model.read(values, tokens).values,
    }));
    const { values } = await pass(first(1.02), batch);
    expectClose(ofAnswers(values), listed(wanted.oldValues), 1e-5);

    const { discount, smoothing, coefficient, valueRate, clip } = wanted;
    const advantagesOf = tokenAdvantages({ discount, smoothing }, 'graph');
    const seen = { scores: Float32Array.from(expected.rewards.flat()), old, reference, values };
    const { advantages: plain, returns } = await advantagesOf(batch, seen, coefficient);
    const [moments] = await momentsTogether([counted(plain, batch.mask)], undefined);
    if (moments === undefined) throw new Error('no moments');
    const advantages = whitened(plain, batch.mask, moments);
    expectClose(ofAnswers(returns), listed(wanted.returns), 1e-5);
    expectClose(ofAnswers(advantages), listed(wanted.advantages), 2e-5);

    const full: ActorCriticBatch = { ...batch, old, advantages, oldValues: values, returns };
    const { policy, critic: own } = first(1.05);
    const start = { policy, critic: critic === 'own' ? own : { head: own.head } };
    const objective = ppoObjective({ clip, valueClip: clip, valueRate, temperature });
    for (const options of [{}, pieces]) {
      const descended = await descend(objective(model), start, full, options);
      expect(Math.abs(descended.result.loss - wanted.loss)).toBeLessThan(1e-5);
      expect(descended.result.parts['policy']).toBeCloseTo(wanted.policy, 5);
      expect(descended.result.parts['value']).toBeCloseTo(valueRate * wanted.value, 5);
      expect(descended.result.watched['valueClipped']).toBeCloseTo(wanted.valueClipped, 5);
      expectGradients(descended, wanted.gradients, {
        norm: 'policy.norm.weight',
        firstNorm: 'policy.layers.0.attentionNorm.weight',
        query: 'policy.layers.0.attention.query.weight',
        trunkNorm: 'critic.trunk.norm.weight',
        head: 'critic.head.weight',
        bias: 'critic.head.bias',
      });
    }
  });
});
