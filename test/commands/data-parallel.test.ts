import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/setup/project.js';

it('the averaged gradient of two processes is that of the whole batch', { timeout: 180_000 }, async () => {
  const cli = fileURLToPath(new URL('fixtures/cli.ts', import.meta.url));
  const words = ['--import', 'tsx', cli, 'launch', '--processes', '2', 'experiments/data-parallel.ts'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words, {
    cwd: packageRoot,
    // `trainbook` is src/ here, in the members too
    env: { ...process.env, TSX_TSCONFIG_PATH: join(packageRoot, 'experiments', 'tsconfig.json') },
  });
  expect(stderr).toBe('');
  const figures = [...stdout.matchAll(/process (\d) of 2: relative distance (\S+), (\d+) bytes sent/gu)];
  expect(figures.map(([, index]) => index).sort()).toEqual(['0', '1']);
  for (const [, , distance, bytes] of figures) {
    expect(Number(distance)).toBeLessThan(1e-6); // the example itself fails otherwise
    expect(Number(bytes)).toBe((2 * 1 * 4 * (6 * 16 + 16)) / 2); // 2 (n − 1) / n of all gradients
  }
});
