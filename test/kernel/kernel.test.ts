import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSources, kernel, python, type Kernel } from './jupyter.js';

// Each test starts a kernel through nbconvert, as Jupyter does: about 4 s each.
describe.skipIf(python === undefined)(
  'the kernel trainbook (skipped where .venv has no Python: npx trainbook setup)',
  () => {
    let sources: string;
    let trainbook: Kernel;

    beforeAll(async () => {
      sources = await buildSources(['kernel.cts', 'kernel/start.ts', 'kernel/compiler.ts', 'train/interrupt.ts']);
      trainbook = await kernel(
        'trainbook-test',
        [process.execPath, join(sources, 'kernel.cjs'), '--config-path', '{connection_file}'],
        python ?? '',
      );
    });
    afterAll(async () => {
      await trainbook.close();
      await rm(sources, { recursive: true, force: true });
    });

    it('runs top-level await, for await, using and await using, and keeps names from cell to cell', async () => {
      const outputs = await trainbook.run([
        'const numbers = [1, 2, 3].map((n) => n * 2);',
        'await Promise.resolve(numbers.length)',
        'async function* count() { yield 1; yield 2; }\nfor await (const n of count()) console.log("item", n);',
        'const log: string[] = [];\n{ using held = { [Symbol.dispose]: () => { log.push("disposed"); } }; log.push(typeof held); }\nlog.join(" ")',
        '{ await using later = { async [Symbol.asyncDispose]() { log.push("later"); } }; void later; }\nlog.at(-1)',
        'numbers.toSorted((a, b) => b - a)',
      ]);
      expect(outputs.map(({ text }) => text)).toEqual([
        '',
        '3\n',
        'item 1\nitem 2\n',
        'object disposed\n',
        'later\n',
        '[ 6, 4, 2 ]\n',
      ]);
    });

    it('imports a TypeScript file beside the notebook with its types', async () => {
      const files = { 'arithmetic.ts': 'export const double = (n: number): number => n * 2;\n' };
      const [output] = await trainbook.run(["import { double } from './arithmetic';\ndouble(21)"], { files });
      expect(output?.text).toBe('42\n');
      await expect(trainbook.run(["import { double } from './arithmetic';\ndouble('21')"], { files })).rejects.toThrow(
        "Argument of type 'string' is not assignable to parameter of type 'number'",
      );
    });

    it('tells work of an interrupt, lets it save, and runs what comes next after that', async () => {
      const path = JSON.stringify(join(sources, 'train/interrupt.js'));
      const outputs = await trainbook.run(
        [
          `const path: string = ${path};\nconst { interruptibly } = await import(path);\nconst log: string[] = [];`,
          `await interruptibly(undefined, () => log.push('interrupted'), async (signal: AbortSignal) => {
            setTimeout(() => process.kill(process.pid, 'SIGINT'), 100);
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
            await new Promise((resolve) => setTimeout(resolve, 3000));
            log.push('saved');
          });
          log.push('went on');`,
          ...new Array<string>(150).fill('0'), // what comes within 200 ms of a failure tslab passes over
          `await interruptibly(undefined, () => undefined, async () => log.push('next'));\nlog.join(', ')`,
        ],
        { failing: [1] }, // tslab fails a cell that waits when an interrupt comes; what it waits for goes on
      );
      expect(outputs[1]?.text).toContain('Interrupted');
      expect(outputs.at(-1)?.text).toBe('interrupted, saved, went on, next\n');
    });

    it('reports what is not strict at its line, and fails the cell', async () => {
      await expect(trainbook.run(['const words = new Map<string, number>();\nwords.get("a") + 1'])).rejects.toThrow(
        /2:1 - Object is possibly 'undefined'/,
      );
    });
  },
);
