import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parametersMime } from '../../src/report/parameters.js';
import { buildSources, kernel, python, type Kernel } from './jupyter.js';

const root = resolve(import.meta.dirname, '../..');

describe.skipIf(python === undefined)(
  'the kernels through Jupyter (skipped where .venv has no Python: npx trainbook setup)',
  () => {
    let sources: string;
    const kernels: Kernel[] = [];

    beforeAll(async () => {
      const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src'], {
        cwd: root,
        encoding: 'utf8',
      });
      const entries = listed.split('\n').filter((path) => /\.c?ts$/.test(path));
      sources = await buildSources(entries.map((path) => path.slice('src/'.length)));
      const own = [process.execPath, join(sources, 'kernel.cjs'), '--config-path', '{connection_file}'];
      const vanilla = [
        process.execPath,
        join(root, 'node_modules/tslab/bin/tslab'),
        'kernel',
        '--config-path={connection_file}',
      ];
      kernels.push(
        await kernel('trainbook-test', own, python ?? ''),
        await kernel('tslab-test', vanilla, python ?? ''),
      );
    });
    afterAll(async () => {
      for (const each of kernels) await each.close();
      await rm(sources, { recursive: true, force: true });
    });

    it(
      'take parameters from outside and say which values they used, trainbook and tslab alike',
      { timeout: 300_000 },
      async () => {
        const path = JSON.stringify(join(sources, 'report/parameters.js'));
        const cells = [
          `const path: string = ${path};\nconst { parameters } = await import(path);`,
          'const { steps, name } = parameters({ steps: 300, name: "a" });',
          'steps * 2',
        ];
        for (const each of kernels) {
          const outputs = await each.run(cells, { parameters: { steps: 20 } });
          expect(outputs[1]?.bundles[0]).toMatchObject({
            'text/plain': ['Executed with\n', '  steps = 20 (in place of 300)\n', '  name = "a"'],
            [parametersMime]: { steps: 20, name: 'a' },
          });
          expect(outputs[2]?.text).toBe('40\n');
        }
      },
    );

    it('fail with the line of the cell', { timeout: 120_000 }, async () => {
      await expect(kernels[0]?.run(['const a = 1;', 'const b: string = a;'])).rejects.toThrow(
        /error TS2322 Type 'number' is not assignable to type 'string'\.\ncell \[2\]:1:7\n> 1 \| const b: string = a;/,
      );
    });
  },
);
