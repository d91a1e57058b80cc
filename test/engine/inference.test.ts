import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** What `fixtures/inference.ts` prints. */
interface Printed {
  readonly heldOut: {
    readonly result: { readonly nats: number; readonly tokens: number };
    readonly backends: string[];
  };
  readonly logits: { readonly result: number[]; readonly backends: string[] };
  readonly gradient: { readonly result: number[]; readonly backends: string[] };
  readonly live: string;
}

/** Runs the fixture; `environment` may hide libtensorflow from it. */
async function run(environment: Readonly<Record<string, string>>): Promise<{ printed: Printed; stderr: string }> {
  const args = ['--import', 'tsx', 'test/engine/fixtures/inference.ts'];
  const env = { ...process.env, ...environment };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
  return { printed: JSON.parse(stdout) as Printed, stderr };
}

it('without libtensorflow infers in WebAssembly and trains in JavaScript, with the same numbers and one warning', async () => {
  const nowhere = join(tmpdir(), 'no such folder');
  const hidden = { TRAINBOOK_LIBTENSORFLOW: nowhere, TRAINBOOK_CACHE: nowhere, VIRTUAL_ENV: '', CONDA_PREFIX: '' };
  const { printed, stderr } = await run(hidden);
  const { heldOut, logits, gradient, live } = printed;
  expect([heldOut.backends, logits.backends, gradient.backends, live]).toEqual([['wasm'], ['wasm'], ['cpu'], 'cpu']);
  expect(stderr).toMatch(
    /libtensorflow was not found[\s\S]*no such folder[\s\S]*npx trainbook setup\n  Tensors run on a slower backend.\n$/,
  );
  expect(stderr.match(/slower backend/g)).toHaveLength(1);
  expect(stderr).not.toContain('visit');

  const native = await run({});
  expect(native.stderr).toBe('');
  expect(native.printed.logits.backends).toEqual(['tensorflow']);
  expect(heldOut.result.nats).toBeCloseTo(native.printed.heldOut.result.nats, 5);
  logits.result.forEach((logit, index) => {
    expect(logit).toBeCloseTo(native.printed.logits.result[index] ?? NaN, 5);
  });
  expect(gradient.result).toEqual([2, 4, 6]);
});
