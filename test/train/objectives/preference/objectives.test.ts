import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../../../src/engine/key.js';
import { mapTree } from '../../../../src/engine/tree.js';
import type { Decoder } from '../../../../src/model/decoder.js';
import { lastToken } from '../../../../src/model/heads/pooling.js';
import { sequenceClassification } from '../../../../src/model/heads/sequence-classification.js';
import { withHead } from '../../../../src/model/heads/with-head.js';
import { tokenScorer } from '../../../../src/model/log-probabilities.js';
import { lora } from '../../../../src/model/lora.js';
import { loadModel } from '../../../../src/model/model.js';
import type { DecoderWeights } from '../../../../src/model/weights.js';
import type { JudgedBatch } from '../../../../src/tokens/preference/judged-answers.js';
import {
  copyAnswer,
  emptyAnswers,
  preferenceLoader,
  preferencesInOrder,
} from '../../../../src/tokens/preference/preference-batch.js';
import type { PreferenceBatch } from '../../../../src/tokens/preference/preference-batch.js';
import type { PreferencePair } from '../../../../src/tokens/preference/preference-pair.js';
import {
  bradleyTerry,
  dpo,
  ipo,
  kto,
  logRatioRewards,
  measurePreferences,
  modelRewards,
  orpo,
  perTokenRewards,
  simpo,
  storeReference,
} from '../../../../src/train/objectives/preference/index.js';
import type { Loss } from '../../../../src/train/loss.js';
import { adamw } from '../../../../src/train/optimizers/adamw.js';
import { train } from '../../../../src/train/train.js';
import { expectClose } from '../../../model/close.js';
import { descend } from '../descent.js';
import type { Descended } from '../descent.js';

interface Case {
  readonly loss: number;
  readonly gradients: { readonly norm: number[]; readonly firstNorm: number[]; readonly query: number[][] };
}
type Name = 'dpo' | 'ipo' | 'simpo' | 'orpo' | 'kto' | 'bradleyTerry';
/** Made by fixtures/preference_model.py with PyTorch and transformers. */
const expected = JSON.parse(
  readFileSync(new URL('../../fixtures/preference_model.json', import.meta.url), 'utf8'),
) as Readonly<Record<Name, Case>> & {
  readonly pairs: PreferencePair[];
  readonly score: number[];
  readonly centring: number;
  readonly margins: number[];
  readonly reference: [number[], number[]];
};

const { architecture, weights } = await loadModel(
  fileURLToPath(new URL('../../../model/fixtures/llama', import.meta.url)),
);
const frozen = {
  architecture,
  weights: mapTree<tf.Tensor, tf.Tensor>(weights, (tensor) => tf.mul(tensor, 1.1)) as DecoderWeights,
};
const sizes = { context: 16, padding: 0 };
const batchOf = (pairs: readonly PreferencePair[], numRows = pairs.length): PreferenceBatch => {
  const [batch] = preferencesInOrder(pairs, sizes, numRows);
  if (batch === undefined) throw new Error('no batch');
  return batch;
};
const batch = batchOf(expected.pairs);

function expectCase({ result, gradients }: Descended, { loss, gradients: wanted }: Case, prefix = ''): void {
  expect(Math.abs(result.loss - loss)).toBeLessThan(1e-5);
  const places = {
    norm: 'norm.weight',
    firstNorm: 'layers.0.attentionNorm.weight',
    query: 'layers.0.attention.query.weight',
  };
  for (const [name, path] of Object.entries(places)) {
    const numbers = wanted[name as keyof typeof places].flat();
    const largest = Math.max(1, ...numbers.map(Math.abs)); // of up to 5, which processors round differently
    expectClose(gradients.get(`${prefix}${path}`) ?? [], numbers, 1e-5 * largest);
  }
}

const objectives = {
  dpo: dpo({ beta: 0.3, reference: frozen }),
  ipo: ipo({ beta: 0.3, reference: frozen }),
  simpo: simpo({ beta: 2, gamma: 0.5 }),
  orpo: orpo({ lambda: 0.2 }),
};
const names = Object.keys(objectives) as (keyof typeof objectives)[];

describe.each(names)('%s of a whole model', (name) => {
  const loss: Loss<DecoderWeights, PreferenceBatch> = objectives[name](architecture);

  it('has the loss and the gradients of PyTorch’s', async () => {
    expectCase(await descend(loss, weights, batch), expected[name]);
  });

  it('in pieces of a pair, with logits in 5 pieces and blocks computed again, has them too', async () => {
    const options = { microBatch: 1, lossChunks: 5, recompute: true };
    expectCase(await descend(loss, weights, batch, options), expected[name]);
  });
});

it('places without a pair are not seen', async () => {
  expectCase(await descend(objectives.orpo(architecture), weights, batchOf(expected.pairs, 5)), expected.orpo);
});

describe('references', () => {
  it('stored once, are the frozen model’s; dpo and ipo need no model then', async () => {
    const stored = await storeReference(expected.pairs, tokenScorer(frozen, { batchSize: 3 }));
    for (const [place, side] of (['chosen', 'rejected'] as const).entries()) {
      const found = stored.map(({ reference }) => reference?.[side] ?? NaN);
      expectClose(found, expected.reference[place] ?? [], 2e-5);
    }
    const given = batchOf(stored);
    expectCase(await descend(dpo({ beta: 0.3 })(architecture), weights, given), expected.dpo);
    expectCase(await descend(ipo({ beta: 0.3 })(architecture), weights, given), expected.ipo);
  });

  it('an adapter’s base is one: at first, where B is 0, each pair costs log 2', async () => {
    const model = { architecture, weights };
    const method = lora({ rank: 2, targets: ['q_proj'] });
    const loss = dpo({ reference: model })(method.adapt(model));
    const { result } = await descend(loss, method.init(model, key(1)), batch);
    expect(result.loss).toBeCloseTo(Math.LN2, 6);
    expect(result.gradientNorm).toBeGreaterThan(0);
  });

  it('lacking, are named', () => {
    expect(() => dpo()(architecture).tensors(batch)).toThrow(/dpo: there is nothing to compare the policy with/);
    expect(() => ipo()(architecture).tensors(batch)).toThrow(/ipo: there is nothing/);
  });
});

describe('kto of a whole model', () => {
  const judged = expected.pairs.flatMap(({ prompt, chosen, rejected }) => [
    { prompt, answer: chosen, liked: 1 },
    { prompt, answer: rejected, liked: 0 },
  ]);
  const rows: JudgedBatch = {
    answers: emptyAnswers(6, sizes),
    mismatched: emptyAnswers(6, sizes),
    desirable: Float32Array.from(judged, ({ liked }) => liked),
    weights: new Float32Array(6).fill(1),
    batchSize: 6,
  };
  judged.forEach(({ prompt, answer }, place) => {
    copyAnswer(prompt, answer, rows.answers, place);
    copyAnswer(prompt, judged.at(place - 1)?.answer ?? [], rows.mismatched, place);
  });
  const loss = kto({ beta: 0.3, desirableWeight: 1.5, undesirableWeight: 0.5, reference: frozen })(architecture);

  it.each([{}, { lossChunks: 4 }, { microBatch: 2 }])(
    'has the loss and the gradients of PyTorch’s, also in pieces, of which z is that of the batch: %j',
    async (options) => {
      expectCase(await descend(loss, weights, rows, options), expected.kto);
    },
  );

  it('lacking a reference, says so', () => {
    expect(() => kto()(architecture)).toThrow(/kto: there is nothing to compare the policy with/);
  });
});

describe('bradleyTerry of a whole model', () => {
  const rewardModel = (classes: string[]) =>
    withHead(architecture, sequenceClassification(architecture, { classes, pooling: lastToken, dense: false }));
  const head = { output: { weight: tf.tensor2d(expected.score, [16, 1]), bias: tf.zeros([1]) } };
  const pairs = expected.pairs.map((pair, index) => ({ ...pair, margin: expected.margins[index] ?? 0 }));
  const loss = bradleyTerry({ centring: expected.centring })(rewardModel(['reward']));

  it.each([{}, { microBatch: 1, recompute: true }])(
    'has the loss and the gradients of PyTorch’s, %j',
    async (options) => {
      const start = { trunk: weights, head };
      expectCase(await descend(loss, start, batchOf(pairs), options), expected.bradleyTerry, 'trunk.');
    },
  );

  it('refuses a model with more than one number for a text', async () => {
    const two = rewardModel(['one', 'two']);
    const start = { trunk: weights, head: two.init(key(1)).head };
    await expect(descend(bradleyTerry()(two), start, batch)).rejects.toThrow(/one number for each text/);
  });
});

describe('measurePreferences', () => {
  const lengths = expected.pairs.map(({ chosen, rejected }) => [chosen.length, rejected.length] as const);
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

  it('ranks by the mean ln p of tokens, over batches that are not full', async () => {
    const measured = await measurePreferences(perTokenRewards(architecture))(
      frozen.weights,
      preferencesInOrder(expected.pairs, sizes, 2),
    );
    const [chosen, rejected] = expected.reference.map((sums, side) =>
      sums.map((sum, pair) => sum / (lengths[pair]?.[side] ?? NaN)),
    ) as [number[], number[]];
    expect(measured.chosen).toBeCloseTo(mean(chosen), 5);
    expect(measured.rejected).toBeCloseTo(mean(rejected), 5);
    expect(measured.margin).toBeCloseTo(mean(chosen) - mean(rejected), 5);
    expect(measured.accuracy).toBeCloseTo(mean(chosen.map((one, pair) => (one > (rejected[pair] ?? NaN) ? 1 : 0))), 6);
    expect(measured.numPairs).toBe(3);
  });

  it('a model against itself has no margin and no hits', async () => {
    const rewards = logRatioRewards(architecture, { reference: { architecture, weights } });
    const { margin, accuracy } = await measurePreferences(rewards)(weights, [batch]);
    expect([margin, accuracy]).toEqual([0, 0]);
    await expect(measurePreferences(logRatioRewards(architecture))(weights, [batch])).rejects.toThrow(
      /nothing to compare/,
    );
  });

  it('reads a reward model', async () => {
    const head = sequenceClassification(architecture, { classes: ['reward'], pooling: lastToken, dense: false });
    const start = {
      trunk: weights,
      head: { output: { weight: tf.tensor2d(expected.score, [16, 1]), bias: tf.scalar(3).reshape([1]) } },
    };
    const { chosen, rejected, margin } = await measurePreferences(modelRewards(withHead(architecture, head)))(start, [
      batch,
    ]);
    expect(margin).toBeCloseTo(chosen - rejected, 5);
    expect(chosen).not.toBe(rejected);
  });
});

it('dpo trains: of pairs that the reference does not all rank as they were chosen, it then ranks all', async () => {
  const model = { architecture, weights };
  const measure = measurePreferences(perTokenRewards(architecture));
  const { chosen, rejected, accuracy } = await measure(weights, [batch]);
  expect(accuracy).toBeLessThan(1);
  const trained = await train(model, {
    objective: dpo({ beta: 0.5, reference: model }),
    data: (options) => preferenceLoader(expected.pairs, sizes, options),
    optimizer: adamw({ learningRate: 5e-3 }),
    plan: { steps: 20, batchSize: 3 },
    key: key(1),
    target: 'graph',
  });
  const after = await measure(trained.weights, [batch]);
  expect(after.accuracy).toBe(1);
  expect(after.margin).toBeGreaterThan(chosen - rejected);
});

it('the types keep pairs out of other losses, and other batches out of these', () => {
  const model: Decoder = architecture;
  // @ts-expect-error: pairs are no judged answers
  const pairsForKto: Loss<DecoderWeights, PreferenceBatch> = kto({ reference: frozen })(model);
  // @ts-expect-error: a model of tokens gives no option of a reward model
  const centred = () => dpo({ centring: 1 });
  expect([pairsForKto, centred]).toHaveLength(2);
});
