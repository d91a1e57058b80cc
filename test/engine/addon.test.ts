import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** What `fixtures/addon.ts` prints. */
interface Printed {
  readonly backend: string;
  readonly reason: string;
  readonly sum: number[];
  readonly doubled: number[];
  readonly numTraces: number;
}

/** An addon in JavaScript with one op: the interface of tfjs-node's native binding, as far as `tf.add` needs it. */
const standIn = `
  const tensors = new Map();
  const add = (shape, dtype, values) => (tensors.set(tensors.size, { shape, dtype, values }), tensors.size - 1);
  const dtypes = { TF_FLOAT: 1, TF_INT32: 3, TF_STRING: 7, TF_COMPLEX64: 8, TF_INT64: 9, TF_BOOL: 10 };
  const kinds = { TF_ATTR_STRING: 0, TF_ATTR_INT: 1, TF_ATTR_FLOAT: 2, TF_ATTR_BOOL: 3, TF_ATTR_TYPE: 4, TF_ATTR_SHAPE: 5 };
  module.exports = {
    ...dtypes, ...kinds, TF_Version: '2.9.1',
    isUsingGpuDevice: () => false,
    createTensor: add,
    deleteTensor: (id) => tensors.delete(id),
    tensorDataSync: (id) => tensors.get(id).values,
    executeOp: (name, attributes, [a, b]) => {
      if (name !== 'Add') throw new Error('no op ' + name);
      const { shape, dtype, values } = tensors.get(a);
      const sums = values.map((value, index) => value + tensors.get(b).values[index]);
      return [{ id: add(shape, dtype, sums), shape, dtype }];
    },
  };
`;
/** Node loads native code from .node files; with this it loads JavaScript from the addon's. */
const loader = `
  const { _extensions: extensions } = require('node:module');
  const native = extensions['.node'];
  extensions['.node'] = (module, path) => (path.includes('tfjs_binding') ? extensions['.js'] : native)(module, path);
`;

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'project-'));
  const folder = join(project, 'node_modules', '@tensorflow', 'tfjs-node');
  await mkdir(join(folder, 'lib', 'napi-v8'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "name": "@tensorflow/tfjs-node", "version": "4.22.0" }');
  await writeFile(join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'), standIn);
  await writeFile(join(project, 'loader.cjs'), loader);
});
afterEach(() => rm(project, { recursive: true }));

/** Runs the fixture in the project, where no libtensorflow is found. */
async function run(options: readonly string[]): Promise<{ printed: Printed; stderr: string }> {
  const nowhere = join(project, 'no such folder');
  const hidden = { TRAINBOOK_LIBTENSORFLOW: nowhere, TRAINBOOK_CACHE: nowhere, VIRTUAL_ENV: '', CONDA_PREFIX: '' };
  const script = fileURLToPath(new URL('fixtures/addon.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [...options, '--import', import.meta.resolve('tsx'), script],
    { cwd: project, env: { ...process.env, ...hidden } },
  );
  return { printed: JSON.parse(stdout) as Printed, stderr };
}

it('serves where libtensorflow is not found, op by op, with one warning', async () => {
  const { printed, stderr } = await run(['--require', './loader.cjs']);
  expect(printed).toMatchObject({ backend: 'tensorflow', sum: [11, 22], doubled: [6, 8], numTraces: 0 });
  expect(printed.reason).toMatch(/^the addon .*tfjs_binding\.node; [\s\S]*was not found/);
  expect(stderr).toMatch(/libtensorflow was not found[\s\S]*npx trainbook setup\n.*runs operations one by one/);
  expect(stderr.match(/was not found/g)).toHaveLength(1);
});

it('is passed over where it does not load', async () => {
  const { printed, stderr } = await run([]); // JavaScript is no shared library
  expect(printed).toMatchObject({ backend: 'cpu', sum: [11, 22], doubled: [6, 8] });
  expect(stderr).not.toContain('addon');
});
