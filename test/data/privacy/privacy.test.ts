import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logErfc } from '../../../src/data/privacy/log-erfc.js';
import { gaussianSpent, noiseFor } from '../../../src/data/privacy/renyi-account.js';
import { renyiOfSampledGaussian } from '../../../src/data/privacy/sampled-gaussian.js';
import type { GaussianSteps, SampledGaussian } from '../../../src/data/privacy/index.js';

interface Reference {
  readonly orders: readonly number[];
  readonly renyi: readonly (SampledGaussian & { readonly divergences: readonly number[] })[];
  readonly spent: readonly (GaussianSteps & { readonly opacus: number; readonly google: number })[];
  readonly logErfc: readonly (readonly [x: number, value: number])[];
}

const reference = JSON.parse(readFileSync(new URL('fixtures/privacy.json', import.meta.url), 'utf8')) as Reference;

const expectNear = (received: number, expected: number, relative: number, what: string): void => {
  expect(Math.abs(received - expected), what).toBeLessThanOrEqual(relative * Math.max(Math.abs(expected), 1e-9));
};

describe('the sampled Gaussian mechanism', () => {
  it('has the Rényi divergences that Opacus computes', () => {
    for (const { divergences, ...mechanism } of reference.renyi) {
      for (const [index, order] of reference.orders.entries()) {
        const { sampleRate, noiseMultiplier } = mechanism;
        const what = `q ${sampleRate}, σ ${noiseMultiplier}, α ${order}`;
        // Where q is small, A(α) is 1 + something small: what a double keeps of it is absolute.
        const received = renyiOfSampledGaussian(mechanism, order);
        const expected = divergences[index] ?? NaN;
        expect(Math.abs(received - expected), what).toBeLessThanOrEqual(
          1e-8 * Math.abs(expected) + 1e-11 / (order - 1),
        );
      }
    }
  });

  it('has that of the integral that defines it', () => {
    // ∫ N(z; 0, σ²) ((1 − q) + q e^((2z − 1)/2σ²))^α dz by the trapezoidal rule, which is exact for such functions but for rounding.
    for (const [q, sigma, order] of [
      [0.3, 1.3, 2.5],
      [0.05, 0.9, 3],
      [0.7, 3, 1.4],
    ] as const) {
      const step = sigma / 200;
      let moment = 0;
      for (let z = -12 * sigma; z < order + 14 * sigma; z += step) {
        const density = Math.exp(-(z * z) / (2 * sigma ** 2)) / Math.sqrt(2 * Math.PI * sigma ** 2);
        moment += step * density * (1 - q + q * Math.exp((2 * z - 1) / (2 * sigma ** 2))) ** order;
      }
      const received = renyiOfSampledGaussian({ sampleRate: q, noiseMultiplier: sigma }, order);
      expectNear(received, Math.log(moment) / (order - 1), 1e-9, `q ${q}`);
    }
  });

  it('without sampling is α / 2σ²: by hand', () => {
    expect(renyiOfSampledGaussian({ sampleRate: 1, noiseMultiplier: 2 }, 8)).toBe(1);
    expect(renyiOfSampledGaussian({ sampleRate: 0, noiseMultiplier: 2 }, 8)).toBe(0);
    expect(renyiOfSampledGaussian({ sampleRate: 0.5, noiseMultiplier: 0 }, 8)).toBe(Infinity);
  });
});

describe('what is spent', () => {
  it('is what Opacus says, and what dp-accounting says', () => {
    for (const { opacus, google, ...steps } of reference.spent) {
      const { epsilon } = gaussianSpent(steps);
      expectNear(epsilon, opacus, 1e-8, JSON.stringify(steps));
      expectNear(epsilon, google, 2e-4, JSON.stringify(steps));
      expect(epsilon).toBeLessThanOrEqual(google * (1 + 1e-9));
    }
  });

  it('is infinite without noise, nothing without steps', () => {
    expect(gaussianSpent({ sampleRate: 0.1, noiseMultiplier: 0, steps: 1, delta: 1e-5 }).epsilon).toBe(Infinity);
    expect(gaussianSpent({ sampleRate: 0.1, noiseMultiplier: 1, steps: 0, delta: 1e-5 }).epsilon).toBe(0);
  });

  it('falls with noise, and grows with the steps and the sampling', () => {
    const chance = fc.double({ min: 0.001, max: 0.3, noNaN: true });
    fc.assert(
      fc.property(
        chance,
        fc.double({ min: 0.7, max: 4, noNaN: true }),
        fc.integer({ min: 1, max: 500 }),
        (q, sigma, n) => {
          const at = (changed: Partial<GaussianSteps>): number =>
            gaussianSpent({ sampleRate: q, noiseMultiplier: sigma, steps: n, delta: 1e-5, ...changed }).epsilon;
          expect(at({ noiseMultiplier: 1.2 * sigma })).toBeLessThanOrEqual(at({}));
          expect(at({ steps: n + 5 })).toBeGreaterThanOrEqual(at({}));
          expect(at({ sampleRate: 1.2 * q })).toBeGreaterThanOrEqual(at({}) * (1 - 1e-9));
        },
      ),
      { numRuns: 12, seed: 3 },
    );
  });

  it('can be asked for: the noise is just enough', () => {
    const asked = { sampleRate: 0.1, steps: 100, delta: 1e-5 };
    const noiseMultiplier = noiseFor({ ...asked, epsilon: 4 });
    expect(gaussianSpent({ ...asked, noiseMultiplier }).epsilon).toBeLessThanOrEqual(4);
    expect(gaussianSpent({ ...asked, noiseMultiplier: 0.999 * noiseMultiplier }).epsilon).toBeGreaterThan(4);
    expect(() => noiseFor({ ...asked, epsilon: 0 })).toThrow('no noise for such a privacy');
  });

  it('refuses numbers that are none', () => {
    const steps = { sampleRate: 0.1, noiseMultiplier: 1, steps: 10, delta: 1e-5 };
    expect(() => gaussianSpent({ ...steps, sampleRate: 1.5 })).toThrow('no such mechanism');
    expect(() => gaussianSpent({ ...steps, noiseMultiplier: -1 })).toThrow('no such mechanism');
    expect(() => gaussianSpent({ ...steps, delta: 0 })).toThrow('needs a δ');
  });
});

it('log erfc is SciPy’s, far out too', () => {
  for (const [x, expected] of reference.logErfc) {
    // Where erfc is near 1 its logarithm is near 0: the error is one of erfc.
    expect(Math.abs(logErfc(x) - expected), `x ${x}`).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(expected)));
  }
});
