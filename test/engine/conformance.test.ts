import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { exclusions } from './conformance/exclusions.js';

/** The bundle must find koffi and jasmine from where it lies. */
const packages = fileURLToPath(new URL('../../node_modules/', import.meta.url));

interface Outcome {
  readonly passed: number;
  readonly failures: readonly string[];
  readonly unusedExclusions: readonly string[];
}

it("passes tfjs-core's own test suite", async () => {
  const folder = await mkdtemp(join(packages, '.conformance-'));
  try {
    const program = fileURLToPath(new URL('conformance/run.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder], { maxBuffer: 2 ** 26 });
    const outcome = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Outcome;
    expect(outcome.failures).toEqual([]);
    expect(outcome.unusedExclusions).toEqual([]);
    expect(outcome.passed).toBeGreaterThan(3900);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);

it('excludes no test that tfjs-node does not exclude', () => {
  expect(exclusions.length).toBeLessThanOrEqual(91);
});
