import { describe, expect, it } from 'vitest';
import { decoder } from '../../../src/model/decoder.js';
import { deviceKinds, networks } from '../../../src/train/forecast/device-kinds.js';
import { planMesh } from '../../../src/train/forecast/mesh-plan.js';
import type { MeshPlanOptions } from '../../../src/train/forecast/mesh-plan.js';
import { meshPlanRows } from '../../../src/train/forecast/mesh-plan-rows.js';
import { stepFlops } from '../../../src/train/forecast/step-flops.js';

const gpt2 = decoder({
  layers: 12, width: 768, heads: 12, context: 1024, vocabularySize: 50_257, norm: 'layer', positions: 'learned', mlp: 'gelu', biases: 'all',
}); // prettier-ignore
const one = decoder({ layers: 24, width: 1792, heads: 14, context: 2048, vocabularySize: 65_536 });

describe('published runs, by the part of the peak that they reached', () => {
  // llm.c's README: GPT-2 124M in bfloat16, 231,000 tokens/s on an A100, 463,000 on an H100.
  it.each([
    ['A100', 231_000, 0.63],
    ['H100', 463_000, 0.4],
  ] as const)('GPT-2 124M on one %s', (kind, tokensPerSecond, utilisation) => {
    const plan = planMesh(gpt2, { kind: deviceKinds[kind], batchSize: 32, precision: 'bfloat16', utilisation });
    expect(plan.tokensPerSecond / tokensPerSecond).toBeCloseTo(1, 1);
    expect(plan.modelUtilisation).toBeCloseTo(utilisation, 6);
    expect(plan.memory.fits).toBe(true);
  });

  // 1B weights on 16B tokens took 25 hours on 6 H800: 22% of the peak.
  it('1B on six H800', () => {
    const mesh = { data: 6, batchSize: 240, microBatches: 10, precision: 'bfloat16', tokens: 16e9 } as const;
    const plan = planMesh(one, { kind: deviceKinds.H800, ...mesh, utilisation: 0.22 });
    expect(one.numParameters / 1e9).toBeCloseTo(1, 1);
    expect(plan.seconds.all / 3600 / 25).toBeCloseTo(1, 1);
    expect(plan.memory.fits).toBe(true);
  });
});

describe('a plan', () => {
  const kind = { ...deviceKinds.H100, flops: { float32: 1e14, bfloat16: 1e15 } };
  const of = (options: Partial<MeshPlanOptions> = {}) => planMesh(one, { kind, batchSize: 64, ...options });
  const all = 4 * one.numParameters;

  it('of one device sends nothing', () => {
    const plan = of({ utilisation: 0.5 });
    expect(plan.bytes).toEqual({ data: 0, fsdp: 0, tensor: 0, pipeline: 0 });
    expect(plan.flops).toBe(stepFlops(one, { batchSize: 64 }));
    expect(plan.seconds).toMatchObject({ tensor: 0, exposed: 0, bubble: 0 });
    expect(plan.seconds.step).toBeCloseTo(plan.flops / 0.5e14, 9);
    expect(plan.memory).toMatchObject({ weights: all, gradients: all, optimizer: 2 * all });
  });

  it('sends what its axes ask for', () => {
    expect(of({ data: 8 }).bytes).toEqual({ data: (14 / 8) * all, fsdp: 0, tensor: 0, pipeline: 0 });
    const norms = 49 * 1792;
    const cut = (parts: number): number => 4 * ((one.numParameters - norms) / parts + norms);
    expect(of({ fsdp: 4 }).bytes.fsdp).toBeCloseTo((cut(4) * 4 * 2 * 3) / 4, -3);
    expect(of({ fsdp: 4, recompute: true }).bytes.fsdp).toBeCloseTo((cut(4) * 4 * 3 * 3) / 4, -3);
    const sum = 4 * 64 * 2048 * 1792;
    expect(of({ tensor: 2 }).bytes.tensor).toBe(4 * 24 * sum);
    expect(of({ data: 2, tensor: 2 }).bytes.tensor).toBe((4 * 24 * sum) / 2);
    expect(of({ pipeline: 4 }).bytes.pipeline).toBe(2 * sum);
  });

  it('waits for other stages as long as its schedule says', () => {
    const { seconds } = of({ pipeline: 4, microBatches: 16 });
    expect(seconds.bubble / (seconds.step - seconds.exposed)).toBeCloseTo(3 / 19, 9);
  });

  it('goes over the network where an axis reaches beyond a machine', () => {
    const slow = { network: networks['Ethernet 10'], overlap: 0, batchSize: 128 };
    const [inside, beyond] = [of({ ...slow, data: 8 }), of({ ...slow, data: 16 })];
    expect(beyond.seconds.exposed).toBeGreaterThan(100 * inside.seconds.exposed);
    expect(of({ ...slow, data: 16, overlap: 1, network: networks['InfiniBand 400'] }).seconds.exposed).toBe(0);
  });

  it('fits with fewer activations, and a row of one’s own', () => {
    const options = { data: 1, batchSize: 64, microBatches: 8 } as const;
    expect(of(options).memory.fits).toBe(false);
    expect(of({ ...options, recompute: true }).memory.fits).toBe(true);
    expect(planMesh(one, { ...options, kind: { ...kind, memory: 1e12 } }).memory.fits).toBe(true);
    expect(() => of({ data: 3 })).toThrow(
      /do not part evenly[^]*64 rows in 1 micro-batches on 3 parts[^]*multiple of 3/u,
    );
  });
});

it('models of usual sizes can be trained on their meshes of H100', () => {
  const rows = meshPlanRows({ kind: deviceKinds.H100 });
  expect(rows.map(({ name, plan }) => [name, plan.devices, plan.memory.fits])).toEqual([
    ['decoder, 1B', 8, true],
    ['decoder, 6B', 8, true],
    ['decoder, 13B', 64, true],
    ['decoder, 100B', 512, true],
    ['mixture, 1.8T, 20% active', 2048, true],
  ]);
  const sizes = [1e9, 6e9, 13e9, 100e9, 1.8e12];
  rows.forEach(({ numParameters }, index) => {
    expect(numParameters / (sizes[index] ?? 0)).toBeGreaterThan(0.95);
    expect(numParameters / (sizes[index] ?? 0)).toBeLessThan(1.15);
  });
  for (const { plan } of rows) {
    expect(plan.modelUtilisation).toBeGreaterThan(0.2);
    expect(plan.modelUtilisation).toBeLessThanOrEqual(0.45);
  }
});
