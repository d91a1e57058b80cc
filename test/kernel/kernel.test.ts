import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startKernel, type RunningKernel } from '../../experiments/bench/jupyter-client.js';
import { buildSources } from './jupyter.js';

/** Files of `src/` that the kernel is made of. */
const parts = ['start', 'compiler', 'positions', 'code-frame', 'failure', 'stale', 'executor', 'handler', 'show'];

describe('the kernel trainbook', () => {
  let sources: string;
  let folder: string;
  let kernel: RunningKernel;
  const run = async (...cells: string[]): Promise<string[]> => {
    const texts: string[] = [];
    for (const cell of cells) {
      const { status, text, traceback } = await kernel.execute(cell);
      expect([status, ...traceback]).toEqual(['ok']);
      texts.push(text);
    }
    return texts;
  };
  /** What a cell that fails says, without colours. */
  const failure = async (cell: string): Promise<string> => {
    const { status, traceback } = await kernel.execute(cell, { stopOnError: false });
    expect(status).toBe('error');
    return stripVTControlCharacters(traceback.join('\n\n'));
  };

  beforeAll(async () => {
    sources = await buildSources(['kernel.cts', ...parts.map((part) => `kernel/${part}.ts`), 'train/interrupt.ts']);
    folder = await mkdtemp(join(tmpdir(), 'trainbook-kernel-'));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'arithmetic.ts'), arithmetic);
    const argv = [process.execPath, join(sources, 'kernel.cjs'), '--config-path', '{connection_file}'];
    kernel = await startKernel(argv, { cwd: folder });
  });
  beforeEach(() => sleep(0));
  afterAll(async () => {
    await kernel.close();
    await rm(sources, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  it('runs top-level await, for await, using and await using, and keeps names from cell to cell', async () => {
    const outputs = await run(
      'const numbers = [1, 2, 3].map((n) => n * 2);',
      'await Promise.resolve(numbers.length)',
      'async function* count() { yield 1; yield 2; }\nfor await (const n of count()) console.log("item", n);',
      'const log: string[] = [];\n{ using held = { [Symbol.dispose]: () => { log.push("disposed"); } }; log.push(typeof held); }\nlog.join(" ")',
      '{ await using later = { async [Symbol.asyncDispose]() { log.push("later"); } }; void later; }\nlog.at(-1)',
      'numbers.toSorted((a, b) => b - a)',
    );
    expect(outputs).toEqual(['', '3\n', 'item 1\nitem 2\n', 'object disposed\n', 'later\n', '[ 6, 4, 2 ]\n']);
  });

  it('imports a TypeScript file beside the notebook with its types, and tells of its lines', async () => {
    expect(await run("import { double, fail } from './arithmetic';\ndouble(21)")).toEqual(['42\n']);
    expect(await failure("double('21')")).toContain(
      "Argument of type 'string' is not assignable to parameter of type 'number'",
    );
    expect(await failure('fail();')).toMatch(
      /Error: no such number\n\n\.\/arithmetic\.ts:4:9\n[\s\S]*> 4 \|   throw new Error/,
    );
  });

  it('takes the file anew when it has changed', async () => {
    await run("import { double } from './arithmetic';\ndouble(21)");
    await writeFile(join(folder, 'arithmetic.ts'), arithmetic.replace('n * 2', 'n * 3'));
    await expect
      .poll(async () => (await run("import { double } from './arithmetic';\ndouble(21)"))[0], {
        timeout: 20_000,
        interval: 500,
      })
      .toBe('63\n');
  });

  it('shows where a cell is not strict', async () => {
    expect(await failure('const words = new Map<string, number>();\nwords.get("a") + 1')).toBe(
      [
        "error TS2532 Object is possibly 'undefined'.",
        `cell [${await count()}]:2:1`,
        '  1 | const words = new Map<string, number>();',
        '> 2 | words.get("a") + 1',
        '    | ^^^^^^^^^^^^^^',
      ].join('\n'),
    );
  });

  /** The number of the cell before. */
  async function count(): Promise<number> {
    const text = await failure('throw new Error("where");');
    return Number(/cell \[(\d+)\]/.exec(text)?.[1]) - 1;
  }

  it('tells of an error at run time by the lines of the cells, and of nothing inside tslab', async () => {
    await run(
      'function average(values: number[]): number {\n  if (values.length === 0) throw new Error("none", { cause: new RangeError("length 0") });\n  return values.length;\n}',
    );
    await run('const later = async () => { await 1; return average([]); };');
    const text = await failure('// a comment\nconst y = await later();');
    expect(text).toMatch(/^Error: none\n\ncell \[\d+\]:2:34\n {2}1 \| function average/);
    expect(text).toMatch(
      /at average \(cell \[\d+\]:2:34\)\n {4}at later \(cell \[\d+\]:1:45\)\n {4}at cell \[\d+\]:2:11/,
    );
    expect(text).toContain('caused by: RangeError: length 0');
    expect(text).not.toMatch(/tslab|node:|kernel/);
  });

  it('gives of a TrainbookError its text and the line, of other things what they are', async () => {
    expect(
      await failure("throw Object.assign(new Error('pack: no\\n  to fix: yes'), { name: 'TrainbookError' });"),
    ).toMatch(/^pack: no\n {2}to fix: yes\n\ncell \[\d+\]:1:21\n> 1 \|[^\n]*\n[ |^]*$/);
    expect(await failure('throw { a: 1 };')).toBe('thrown { a: 1 }');
  });

  it('goes on after an error where it is asked to, and passes over what waits where not', async () => {
    const [failed, after] = await Promise.all([
      kernel.execute('throw 1;', { stopOnError: false }),
      kernel.execute('2'),
    ]);
    expect([failed.status, after.text]).toEqual(['error', '2\n']);
    const [stopped, passed] = await Promise.all([kernel.execute('throw 1;'), kernel.execute('2')]);
    expect([stopped.status, passed.status, passed.text]).toEqual(['error', 'abort', '']);
    await sleep(300);
  });

  it('says which names are older than what they were made of', async () => {
    const told = async (cell: string): Promise<string[]> =>
      (await kernel.execute(cell)).displays.map(({ data }) => String(data['text/plain']).replace(/\d+/g, 'n'));
    await run('const steps = 60;', 'const settings = { steps };', 'const trained = settings.steps * 2;');
    expect(await told('const steps = 60; // the same')).toEqual([]);
    expect(await told('trained')).toEqual([]);
    await run('const steps = 200;');
    expect(await told('trained')).toEqual([
      'trained is stale: cell [n] made it with an earlier steps, which cell [n] has changed since. Run the cell of trained again.',
    ]);
    expect(await told('const unrelated = 1; unrelated')).toEqual([]);
    await run('const settings = { steps };', 'const trained = settings.steps * 2;');
    expect(await told('trained')).toEqual([]);
  });

  it('asks the library that made a value how it is shown', async () => {
    await run(
      `Reflect.set(globalThis, Symbol.for('trainbook.display'), async (value: unknown) => {
         if (typeof value === 'number') return false;
         console.log('shown', value);
         return true;
       });`,
    );
    expect(await run('({ a: 1 })', '5', 'null', 'undefined')).toEqual(['shown { a: 1 }\n', '5\n', '', '']);
    await run("Reflect.deleteProperty(globalThis, Symbol.for('trainbook.display'));");
  });

  it('ends a loop, and a wait that nobody else ends, at an interrupt', async () => {
    for (const cell of ['while (true) {}', 'await new Promise(() => {});']) {
      setTimeout(() => {
        kernel.interrupt();
      }, 500);
      expect(await failure(cell)).toBe('interrupted by the user');
      expect(await run('1')).toEqual(['1\n']);
    }
  });

  it('tells work of an interrupt and waits until it has saved; a second one does not wait', async () => {
    const path = JSON.stringify(join(sources, 'train/interrupt.js'));
    const work = (milliseconds: number): string =>
      `await interruptibly(undefined, () => log.push('interrupted'), async (signal: AbortSignal) => {
         await new Promise((resolve) => signal.addEventListener('abort', resolve));
         await new Promise((resolve) => setTimeout(resolve, ${milliseconds}));
         log.push('saved');
         throw signal.reason;
       });`;
    await run(
      `const path: string = ${path};\nconst { interruptibly } = await import(path);\nconst log: string[] = [];`,
    );
    const interruptAt = (milliseconds: number): unknown =>
      setTimeout(() => {
        kernel.interrupt();
      }, milliseconds);
    interruptAt(500);
    expect(await failure(work(500))).toBe('interrupted by the user');
    expect(await run('log.join()')).toEqual(['interrupted,saved\n']);
    interruptAt(500);
    interruptAt(1000);
    expect(await failure(work(3000))).toBe('interrupted by the user');
    // What it waited for goes on, and the next work waits for that.
    expect(
      await run(
        'log.length',
        "await interruptibly(undefined, () => undefined, async () => log.push('next'));",
        'log.slice(2).join()',
      ),
    ).toEqual(['3\n', '5\n', 'interrupted,saved,next\n']);
  });
});

const arithmetic = `export const double = (n: number): number => n * 2;

export function fail(): void {
  throw new Error('no such number');
}
`;
