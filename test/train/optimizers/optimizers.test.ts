import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { adafactor, relativeStep } from '../../../src/train/optimizers/adafactor.js';
import { adam } from '../../../src/train/optimizers/adam.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { lamb } from '../../../src/train/optimizers/lamb.js';
import { lion } from '../../../src/train/optimizers/lion.js';
import { muon } from '../../../src/train/optimizers/muon.js';
import type { Optimizer } from '../../../src/train/optimizers/optimizer.js';
import { newtonSchulz, orthogonalise } from '../../../src/train/optimizers/orthogonalise.js';
import { scaleByMomentum } from '../../../src/train/optimizers/scale-by-momentum.js';
import { sgd } from '../../../src/train/optimizers/sgd.js';
import { expectClose } from '../../model/close.js';
import { descend, numbers, stepOnce } from '../descend.js';

type Rows = Readonly<Record<string, Readonly<Record<string, number[]>>>>;
// Made by fixtures/optimizers.py with PyTorch, Hugging Face transformers and timm.
const { optimizers: references } = JSON.parse(
  readFileSync(new URL('../fixtures/optimizers.json', import.meta.url), 'utf8'),
) as { readonly optimizers: Readonly<Record<string, Rows>> };

const cases: Readonly<Record<string, Optimizer>> = {
  sgd: sgd({ learningRate: 0.05, weightDecay: 0.01 }),
  momentum: sgd({ learningRate: 0.05, weightDecay: 0.01, momentum: 0.9, dampening: 0.2 }),
  nesterov: sgd({ learningRate: 0.05, weightDecay: 0.01, momentum: 0.9, nesterov: true }),
  adam: adam({ learningRate: 0.01, weightDecay: 0.01 }),
  adamw: adamw({ learningRate: 0.01, clipNorm: Infinity }),
  lamb: lamb({ learningRate: 0.01, weightDecay: 0.05, clipNorm: Infinity }),
  lion: lion({ learningRate: 0.01, weightDecay: 0.1 }),
  adafactor: adafactor({ learningRate: 0.02, weightDecay: 0.05 }),
  adafactorRelative: adafactor(),
  muon: muon({ learningRate: 0.02 }),
  muonSpectral: muon({ learningRate: 0.02, scale: 'spectral', nesterov: false, iterations: 3 }),
};

describe('100 steps equal the reference’s', () => {
  it.each(Object.entries(cases))('%s', async (name, optimizer) => {
    let compared = 0;
    await descend(optimizer, 100, (step, parameters) => {
      const expected = references[name]?.[step];
      if (expected === undefined) return;
      const received = numbers(parameters);
      for (const [path, values] of Object.entries(expected)) {
        expectClose(received[path] ?? [], values, 2e-5);
        compared += values.length;
      }
    });
    // A table, a matrix and a gain at 4 steps; of Muon the matrix.
    expect(compared).toBe(name.startsWith('muon') ? 4 * 24 : 4 * (48 + 24 + 6));
  });

  it('PyTorch’s Muon as it is, with products in bfloat16, to their precision: 2% of the rate', async () => {
    await descend(muon({ learningRate: 0.02, scale: 'spectral' }), 1, (step, parameters) => {
      expectClose(
        numbers(parameters)['layers.0.query'] ?? [],
        (references['muonBfloat16']?.[step] ?? {})['layers.0.query'] ?? [],
        0.02 * 0.02,
      );
    });
  });

  it('Muon gives embeddings and gains to AdamW', async () => {
    const expected = references['adamw']?.['100'];
    const optimizer = muon({ learningRate: 0.01, others: { beta2: 0.95 } });
    await descend(optimizer, 100, (step, parameters) => {
      if (step < 100) return;
      const received = numbers(parameters);
      expectClose(received['embedding'] ?? [], expected?.['embedding'] ?? [], 2e-5);
      expectClose(received['layers.0.gain'] ?? [], expected?.['layers.0.gain'] ?? [], 2e-5);
    });
  });
});

/** Parameters of the first step and the one after, on a matrix w with gradient g. */
function firstSteps(optimizer: Optimizer, w: number[][], g: number[][], path = 'w'): number[][] {
  let parameters: Readonly<Record<string, tf.Tensor>> = { [path]: tf.tensor2d(w) };
  let state = optimizer.init(parameters);
  const seen: number[][] = [];
  for (const step of [1, 2]) {
    const result = stepOnce(optimizer, parameters, state, { [path]: tf.tensor2d(g) }, step);
    parameters = result.parameters as typeof parameters;
    state = result.state;
    seen.push(numbers(parameters)[path] ?? []);
  }
  return seen;
}

describe('first steps by hand', () => {
  // w = (3, 4), g = (1, −2), η = 0.1
  const w = [[3, 4]];
  const g = [[1, -2]];

  it('SGD: w − η g; with decay 0.5 the gradient is g + 0.5 w = (2.5, 0)', () => {
    expectClose(firstSteps(sgd({ learningRate: 0.1 }), w, g)[0] ?? [], [2.9, 4.2], 1e-6);
    expectClose(firstSteps(sgd({ learningRate: 0.1, weightDecay: 0.5 }), w, g)[0] ?? [], [2.75, 4], 1e-6);
  });

  it('momentum: m = g, then 0.9 m + 0.8 g = 1.7 g with dampening 0.2; Nesterov: g + 0.9 m = 1.9 g, then g + 0.9 · 1.9 g = 2.71 g', () => {
    const heavy = firstSteps(sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.2 }), w, g);
    expectClose(heavy.flat(), [2.9, 4.2, 2.9 - 0.17, 4.2 + 0.34], 1e-6);
    const ahead = firstSteps(sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }), w, g);
    expectClose(ahead.flat(), [2.81, 4.38, 2.81 - 0.271, 4.38 + 0.542], 1e-6);
  });

  it('Adam: m̂ = g, v̂ = g², so the step is η sign g, also the second one; AdamW adds η λ w', () => {
    expectClose(firstSteps(adam({ learningRate: 0.1 }), w, g).flat(), [2.9, 4.1, 2.8, 4.2], 1e-6);
    // 3 − 0.1 (1 + 0.5 · 3), 4 − 0.1 (−1 + 0.5 · 4)
    expectClose(firstSteps(adamw({ learningRate: 0.1, weightDecay: 0.5 }), w, g)[0] ?? [], [2.75, 3.9], 1e-6);
  });

  it('LAMB: Adam’s step (1, −1) has norm √2 and w has 5: η · 5/√2 in each element', () => {
    const length = (0.1 * 5) / Math.SQRT2;
    const [first = []] = firstSteps(lamb({ learningRate: 0.1, weightDecay: 0 }), w, g);
    expectClose(first, [3 - length, 4 + length], 2e-6);
  });

  it('LAMB: where the parameter is 0 the ratio is 1; where the update is 0 nothing moves', () => {
    const optimizer = lamb({ learningRate: 0.1, weightDecay: 0 });
    expectClose(firstSteps(optimizer, [[0, 0]], g)[0] ?? [], [-0.1, 0.1], 1e-6);
    expect(firstSteps(optimizer, w, [[0, 0]])[0]).toEqual([3, 4]);
  });

  it('Lion: sign g, nothing for 0; then m = 0.01 g and 0.9 m + 0.1 g still has the sign of g', () => {
    const optimizer = lion({ learningRate: 0.1, weightDecay: 0.5 });
    // 3 − 0.1 (1 + 1.5), 4 − 0.1 (0 + 2); then 2.75 − 0.1 (1 + 1.375), 3.8 − 0.1 · 1.9
    expectClose(firstSteps(optimizer, w, [[1, 0]]).flat(), [2.75, 3.8, 2.5125, 3.61], 1e-6);
  });

  it('Adafactor: β = 0 at first, r = mean g² = 2.5, c = (1, 4), v̂ = r c / r = g², so u = sign g, times RMS(w) = √12.5', () => {
    const length = 0.1 * Math.sqrt(12.5);
    expectClose(firstSteps(adafactor({ learningRate: 0.1 }), w, g)[0] ?? [], [3 - length, 4 + length], 2e-6);
  });

  it('Adafactor keeps of a matrix its rows and columns alone: 8 + 6 numbers for 48', () => {
    const state = adafactor().init({ table: tf.zeros([8, 6]), gain: tf.zeros([6]) });
    expect(Object.entries(numbers(state)).map(([path, leaf]) => [path, leaf.length])).toEqual([
      ['1.rows.table', 8],
      ['1.columns.table', 6],
      ['1.squares.gain', 6],
    ]);
    expect([relativeStep(1), relativeStep(40_000)]).toEqual([0.01, 0.005]);
  });

  it('Muon: of a rank-one g/‖g‖ = u vᵀ one iteration makes (a + b + c) u vᵀ = 0.701 u vᵀ', () => {
    // g = (1, −2): g/√5. A [1, 2] matrix has 'spectral' scale √max(1, 2/1) = √2.
    const optimizer = muon({ learningRate: 0.1, weightDecay: 0, scale: 'spectral', iterations: 1 });
    const length = (0.1 * 0.701 * Math.SQRT2) / Math.sqrt(5);
    const [first = []] = firstSteps(optimizer, w, g, 'layers.0.w');
    expectClose(first, [3 - length, 4 + 2 * length], 1e-6);
  });
});

describe('Newton–Schulz', () => {
  const matrix = tf.tensor2d([
    [2, 0, 1],
    [0.5, -1, 0.3],
  ]);

  it('brings singular values near 1, for wide and tall matrices alike', () => {
    const wide = newtonSchulz(matrix);
    const tall = newtonSchulz(tf.transpose(matrix));
    expectClose(tf.transpose(tall).dataSync(), wide.dataSync(), 1e-5);
    const [aa = 0, ab = 0, , bb = 0] = [...tf.matMul(wide, wide, false, true).dataSync()];
    const middle = (aa + bb) / 2;
    const spread = Math.hypot((aa - bb) / 2, ab);
    expect(Math.sqrt(middle - spread)).toBeGreaterThan(0.65);
    expect(Math.sqrt(middle + spread)).toBeLessThan(1.25);
  });

  it('of zeros is zeros, and of what is no matrix a refusal', () => {
    expect([...newtonSchulz(tf.zeros([2, 3])).dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(() => orthogonalise().update({ gain: tf.zeros([3]) }, [], {}, {})).toThrow(/gain is no matrix.*\[3\]/s);
  });
});

it('Nesterov’s look ahead is refused with dampening, and without momentum', () => {
  expect(() => scaleByMomentum({ nesterov: true, dampening: 0.1 })).toThrow(/dampening 0\.1/);
  expect(() => sgd({ learningRate: 1, nesterov: true })).toThrow(/momentum 0/);
});
