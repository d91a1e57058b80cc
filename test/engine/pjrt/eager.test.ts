import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { plugin } from './cpu-plugin.js';

/** What `fixtures/without-library.ts` prints. */
interface Printed {
  readonly info: { readonly devices: string[]; readonly library?: object; readonly reason: string };
  readonly operations: Readonly<Record<string, unknown>>;
  readonly cells: { readonly before: number[]; readonly after: number[]; readonly device: string };
  readonly losses: number[];
  readonly errors: string[];
}

async function run(environment: Readonly<Record<string, string>>): Promise<{ printed: Printed; stderr: string }> {
  const args = ['--import', 'tsx', 'test/engine/fixtures/without-library.ts'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, TRAINBOOK_DEVICE: '', ...environment },
  });
  return { printed: JSON.parse(stdout) as Printed, stderr };
}

describe.skipIf(plugin.path === undefined)('without libtensorflow, with a plugin', () => {
  it('computes, holds state and trains as with the library', async () => {
    const [{ printed, stderr }, { printed: expected }] = await Promise.all([
      run({ TRAINBOOK_LIBTENSORFLOW: 'none' }),
      run({}),
    ]);
    expect(stderr).toBe('');
    expect(printed.info.library).toBeUndefined();
    expect(printed.info.devices).toEqual(['cpu:0']);
    expect(printed.info.reason).toMatch(/^cpu:0 .* for everything/);
    expect(expected.info.library).toBeDefined();
    expect(printed.operations).toEqual(expected.operations);
    expect(printed.cells).toEqual({ ...expected.cells, device: 'cpu:0' });
    expect(printed.losses).toHaveLength(3);
    printed.losses.forEach((loss, step) => {
      expect(loss).toBeCloseTo(expected.losses[step] ?? NaN, 5);
    });
    expect(printed.errors).toEqual([
      'GatherV2: the index value 2 is not in [0, 1]',
      'GatherNd: the index value 3 is not in [0, 2]',
      expect.stringMatching(/UniqueV2 needs libtensorflow: its shape depends on the data/),
      expect.stringMatching(/'tensorflow' is not there.*cpu:0, which runs everything here/s),
    ]);
  }, 120_000);

  it('takes the device that TRAINBOOK_DEVICE names, of a mesh the first', async () => {
    const { printed } = await run({ TRAINBOOK_LIBTENSORFLOW: 'none', TRAINBOOK_DEVICE: 'cpu:data=2,first=2' });
    expect(printed.info.devices).toEqual(['cpu:data=2,first=2']);
    expect(printed.cells.after).toEqual([12, 13]);
    expect(printed.losses[0]).toBeCloseTo(3.33459, 4);
  }, 120_000);
});
