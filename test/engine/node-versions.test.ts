import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('computes where node:util lacks what tfjs-node calls (Node 23 and later)', async () => {
  const script = `
    const util = process.getBuiltinModule('node:util');
    delete util.isArray;
    delete util.isNullOrUndefined;
    const tf = await import('@tensorflow/tfjs');
    const { engineInfo } = await import('./src/index.ts');
    const { values, indices } = tf.topk(tf.tensor1d([3, 9, 5]), 2);
    console.log(JSON.stringify([engineInfo().backend, [...values.dataSync()], [...indices.dataSync()]]));
  `;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '--eval',
    script,
  ]);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual(['tensorflow', [9, 5], [1, 2]]);
});
