import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { readJson } from '../../src/files.js';
import { dropout, nthDropout } from '../../src/model/dropout.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { mixing } from '../../src/model/mixing.js';
import type { Mixing, Visibility } from '../../src/model/mixing.js';
import { gated, gelu, geluExact, swiglu } from '../../src/model/mlp.js';
import { layerNorm, rmsNorm } from '../../src/model/norm.js';
import { sinusoidalPositions, sinusoidalTable } from '../../src/model/positions.js';
import { rotaryTables } from '../../src/model/rope.js';
import { rotaryFrequencies } from '../../src/model/rope-scaling.js';
import type { RotaryScaling } from '../../src/model/rope-scaling.js';
import { expectClose } from './close.js';

// The truth: PyTorch, by fixtures/torch_layers.py.
const path = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const { tensors } = await readSafetensors(path('torch_layers.safetensors'));
const numbers = (name: string): Float32Array => tensors.get(name)?.elements as Float32Array;
const tensor = (name: string): tf.Tensor => {
  const found = tensors.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return tf.tensor(Float32Array.from(found.elements as Float32Array), [...found.shape]);
};
const integers = (name: string): tf.Tensor => {
  const found = tensors.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return tf.tensor(Int32Array.from(found.elements as BigInt64Array, Number), [...found.shape], 'int32');
};

/** Value and gradients for the inputs, each against PyTorch's. */
function expectLayer(prefix: string, inputs: readonly string[], layer: (...inputs: tf.Tensor[]) => tf.Tensor): void {
  const given = inputs.map((name) => tensor(`${prefix}.${name}`));
  const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => layer(...args))(given, tensor(`${prefix}.dy`));
  expectClose(value.dataSync(), numbers(`${prefix}.y`), 1e-5);
  inputs.forEach((name, index) => {
    expectClose((grads[index] as tf.Tensor).dataSync(), numbers(`${prefix}.grad.${name}`), 2e-5);
  });
}

describe('layers equal PyTorch’s, gradients too', () => {
  it('LayerNorm with a bias', () => {
    expectLayer('layer_norm', ['x', 'weight', 'bias'], (x, weight, bias) =>
      layerNorm(1e-5)({ weight: weight, bias: bias }, x),
    );
  });
  it('RMSNorm', () => {
    expectLayer('rms_norm', ['x', 'weight'], (x, weight) => rmsNorm(1e-5)({ weight: weight }, x));
  });
  it.each([
    ['gelu', geluExact],
    ['gelu_tanh', gelu],
    ['silu', (x: tf.Tensor) => gated(x, tf.onesLike(x))],
  ] as const)('%s', (prefix, activation) => {
    expectLayer(prefix, ['x'], (x) => activation(x));
  });
  it('SwiGLU', () => {
    const turned = (all: tf.Tensor | undefined): { weight: tf.Tensor } => ({ weight: tf.transpose(all as tf.Tensor) });
    expectLayer('swiglu', ['x', 'gate_proj', 'up_proj', 'down_proj'], (x, gate, up, down) =>
      swiglu.forward({ gate: turned(gate), up: turned(up), down: turned(down) }, x),
    );
  });
});

/** Attention of 4 heads, of which 2 share their keys and values each; queries are scaled as `attend` does. */
const attention =
  (mix: Mixing) =>
  (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor => {
    const queries = tf.reshape(tf.mul(q, 1 / Math.sqrt(6)), [2, 2, 2, 10, 6]);
    return tf.reshape(mix(queries, k, v), [2, 4, 10, 6]);
  };
const visibilities: Record<string, () => Visibility> = {
  causal: () => ({ causal: true }),
  window: () => ({ causal: true, window: 3 }),
  document: () => ({ causal: true, documents: integers('attention.document.documents') }),
  window_document: () => ({ causal: true, window: 3, documents: integers('attention.window_document.documents') }),
};

describe('attention sees what its mask lets it see', () => {
  it.each(Object.keys(visibilities))('%s', (name) => {
    const mix = mixing((visibilities[name] as () => Visibility)());
    expectLayer(`attention.${name}`, ['q', 'k', 'v'], (q, k, v) => attention(mix)(q, k, v));
  });

  it('padding, not causal: rows of real tokens', () => {
    // PyTorch computes padding's own rows from real keys, we from padding: neither is looked at.
    const mask = integers('attention.padding.attention_mask');
    const mix = mixing({ causal: false, documents: mask });
    const [q, k, v] = ['q', 'k', 'v'].map((name) => tensor(`attention.padding.${name}`)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const real = tf.reshape(tf.cast(mask, 'float32'), [2, 1, 10, 1]);
    const y = tf.mul(attention(mix)(q, k, v), real);
    expectClose(y.dataSync(), tf.mul(tensor('attention.padding.y'), real).dataSync(), 1e-5);
  });
});

describe('positions', () => {
  it('sinusoids', () => {
    expectClose(sinusoidalTable(12, 10), numbers('sinusoidal.table'), 1e-6);
  });

  it('sinusoids are added to embeddings times √width', async () => {
    const embedded = tf.ones([1, 3, 4]);
    const positions = sinusoidalPositions({ width: 4, context: 8, rotary: { headSize: 4, base: 10_000 } });
    const placed = await positions.place({} as never, embedded, { start: 2, time: 3 }).data();
    expectClose(placed, sinusoidalTable(5, 4).slice(8).map((sinusoid) => sinusoid + 2), 1e-6); // prettier-ignore
  });

  interface RopeCase {
    readonly head_dim: number;
    readonly rope_theta: number;
    readonly max_position_embeddings: number;
    readonly rope_scaling: Record<string, number | string | boolean> | null;
    readonly seq_len: number;
    readonly attention_scaling: number;
  }
  const scalingOf = ({
    rope_scaling: scaling,
    max_position_embeddings: context,
  }: RopeCase): RotaryScaling | undefined => {
    if (scaling === null) return undefined;
    const factor = scaling['factor'] as number;
    const originalContext = (scaling['original_max_position_embeddings'] as number | undefined) ?? context;
    const attentionFactor = scaling['attention_factor'] as number | undefined;
    switch (scaling['rope_type']) {
      case 'linear':
        return { kind: 'linear', factor };
      case 'dynamic':
        return { kind: 'ntk', factor, originalContext: context };
      case 'yarn':
        return {
          kind: 'yarn',
          factor,
          originalContext,
          betaFast: (scaling['beta_fast'] as number | undefined) ?? 32,
          betaSlow: (scaling['beta_slow'] as number | undefined) ?? 1,
          wholeBounds: scaling['truncate'] !== false,
          ...(attentionFactor === undefined ? {} : { attentionFactor }),
        };
      default:
        return {
          kind: 'llama3',
          factor,
          originalContext,
          lowFrequency: scaling['low_freq_factor'] as number,
          highFrequency: scaling['high_freq_factor'] as number,
        };
    }
  };

  it('rotary frequencies of each kind of scaling, and the tables made from them', async () => {
    const settings = ((await readJson(path('torch_layers.json'))) as { rope: Record<string, RopeCase> }).rope;
    const kinds = ['default', 'linear', 'dynamic_short', 'dynamic_at', 'dynamic_long', 'yarn', 'yarn_attention_factor'];
    for (const name of [...kinds, 'yarn_betas', 'yarn_whole', 'yarn_without_original', 'llama3']) {
      const given = settings[name] as RopeCase;
      const rotary = { headSize: given.head_dim, base: given.rope_theta, scaling: scalingOf(given) };
      const { perPosition, magnitude } = rotaryFrequencies(rotary, given.seq_len);
      expectClose(perPosition, numbers(`rope.${name}.inv_freq`), 1e-6);
      expect(magnitude).toBeCloseTo(given.attention_scaling, 6);
      const positions = Array.from(tensors.get(`rope.${name}.positions`)?.elements as BigInt64Array, Number);
      const { cos, sin } = rotaryTables(rotary, given.seq_len);
      positions.forEach((position, row) => {
        if (position >= given.seq_len) return;
        const [begin, half] = [position * 16, row * 16];
        expectClose(cos.subarray(begin, begin + 16), numbers(`rope.${name}.cos`).subarray(half, half + 16), 2e-4);
        expectClose(sin.subarray(begin + 8, begin + 16), numbers(`rope.${name}.sin`).subarray(half, half + 8), 2e-4);
      });
    }
  });
});

describe('dropout', () => {
  const ones = tf.ones([200, 50]);
  it('leaves out the share that it is told, keeps the mean, and does the same again for the same key', () => {
    const left = { rate: 0.3, key: key(5) };
    const y = dropout(ones, left).dataSync();
    const numZeros = y.filter((value) => value === 0).length;
    // 10,000 draws: 3 standard deviations are 137.
    expect(Math.abs(numZeros - 3000)).toBeLessThan(140);
    expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
    expect(dropout(ones, { rate: 0.3, key: key(5) }).dataSync()).toEqual(y);
    expect(dropout(ones, nthDropout(left, 1)).dataSync()).not.toEqual(y);
    expect(dropout(ones, { rate: 0, key: key(5) })).toBe(ones);
    expect(dropout(ones, undefined)).toBe(ones);
  });

  it('its gradient is its own mask', () => {
    const left = { rate: 0.5, key: key(6) };
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(dropout(x, left)))(ones);
    expect(gradient.dataSync()).toEqual(dropout(ones, left).dataSync());
  });
});
