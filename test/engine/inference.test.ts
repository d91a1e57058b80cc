import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { decoder, key } from '../../src/index.js';
import { startDecoding } from '../../src/model/decoding.js';
import { heldOutLoss } from '../../src/train/held-out.js';

/** What `fixtures/without-tensorflow.ts` prints. */
interface Printed {
  readonly heldOut: {
    readonly result: { readonly nats: number; readonly tokens: number };
    readonly backends: string[];
  };
  readonly logits: { readonly result: number[]; readonly backends: string[] };
  readonly gradient: { readonly result: number[]; readonly backends: string[] };
  readonly live: string;
}

it('without libtensorflow infers in WebAssembly and trains in JavaScript, with the same numbers and one warning', async () => {
  const nowhere = join(tmpdir(), 'no such folder');
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'test/engine/fixtures/without-tensorflow.ts'],
    {
      env: {
        ...process.env,
        TRAINBOOK_LIBTENSORFLOW: nowhere,
        TRAINBOOK_CACHE: nowhere,
        VIRTUAL_ENV: '',
        CONDA_PREFIX: '',
      },
    },
  );
  const { heldOut, logits, gradient, live } = JSON.parse(stdout) as Printed;
  expect([heldOut.backends, logits.backends, gradient.backends, live]).toEqual([['wasm'], ['wasm'], ['cpu'], 'cpu']);
  expect(stderr).toMatch(/libtensorflow was not found[\s\S]*no such folder[\s\S]*npx trainbook setup\n$/);
  expect(stderr.match(/slower backend/g)).toHaveLength(1);
  expect(stderr).not.toContain('visit');

  const architecture = decoder({ layers: 2, width: 32, heads: 2, context: 16, vocabularySize: 50 });
  const weights = architecture.init(key(1));
  const tokens = Int32Array.from({ length: 2 * 17 }, (_, index) => (index * 7) % 50);
  const packed = { context: 16, numRows: 2, tokens, weights: new Uint8Array(32).fill(1), numTokens: 32 };
  expect(heldOut.result.nats).toBeCloseTo((await heldOutLoss(architecture, 2)(weights, packed)).nats, 5);
  const decoding = startDecoding({ architecture, weights }, { batch: 1, positions: 4 });
  await decoding.next(Int32Array.of(3), 0);
  const native = await decoding.next(Int32Array.of(5), 1);
  decoding.dispose();
  logits.result.forEach((logit, index) => {
    expect(logit).toBeCloseTo(native[index] ?? NaN, 5);
  });
  expect(gradient.result).toEqual([2, 4, 6]);
});
