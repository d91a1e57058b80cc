import { fileURLToPath } from 'node:url';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { summarise } from './blocks.js';
import { startKernel, type RunningKernel } from './jupyter-client.js';

/** Kernels that are started, and small cells that each of them runs. */
type Recipe = { readonly starts: number; readonly cells: number };

const recipeOf = (isQuick: boolean): Recipe => (isQuick ? { starts: 1, cells: 3 } : { starts: 5, cells: 20 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const argv = [process.execPath, 'dist/kernel.cjs', '--config-path', '{connection_file}'];

/** The imports of the first chapter. */
const imports = [
  "import { decoder, decoderOptions, evaluate, experiment, load, pack, pretrain, trainBpe } from 'trainbook';",
  "import { open, parameters, show } from 'trainbook/notebook';",
  "import { z } from 'zod';",
].join('\n');

/** Small cells as chapters have them; each uses a name of an earlier one. */
const small = (index: number): string =>
  index === 0 ? 'let total = 0;' : `total += [${index}, 2, 3].map((n) => n * ${index}).length;\ntotal`;

/** Wall time and processor time of a cell, in milliseconds. */
interface Cost {
  readonly wall: number;
  readonly processor: number;
}

async function cost(kernel: RunningKernel, code: string): Promise<Cost> {
  const before = kernel.processorMilliseconds() ?? NaN;
  const { status, traceback, milliseconds } = await kernel.execute(code);
  if (status !== 'ok') throw new Error(traceback.join('\n'));
  return { wall: milliseconds, processor: (kernel.processorMilliseconds() ?? NaN) - before };
}

/** What a reader waits for: the kernel and its first cell, the imports of a chapter, a cell. */
export const kernel: Benchmark = {
  name: 'kernel',
  title: 'The Jupyter kernel: from its start to the first result, and a cell after that',
  workload: (isQuick) => recipeOf(isQuick),
  run: async ({ quick, say }) => {
    const { starts, cells } = recipeOf(quick);
    const first: Cost[] = [];
    const imported: Cost[] = [];
    const after: Cost[] = [];
    for (let start = 1; start <= starts; start++) {
      say(`kernel ${start} of ${starts}`);
      const running = await startKernel(argv, { cwd: root });
      try {
        const { wall } = await cost(running, '1 + 1');
        first.push({ wall: running.startMilliseconds + wall, processor: running.processorMilliseconds() ?? NaN });
        imported.push(await cost(running, imports));
        await cost(running, small(0));
        for (let index = 1; index <= cells; index++) after.push(await cost(running, small(index)));
      } finally {
        await running.close();
      }
    }
    const of = (figure: string, costs: readonly Cost[], goal?: { readonly atMost: number }): Measurement[] => [
      summarise(
        figure,
        costs.map(({ wall }) => wall),
        { unit: 'ms', ...(goal === undefined ? {} : { goal }) },
      ),
      ...(costs.some(({ processor }) => Number.isNaN(processor))
        ? []
        : [
            summarise(
              `${figure}: processor time`,
              costs.map(({ processor }) => processor),
              { unit: 'ms' },
            ),
          ]),
    ];
    return {
      measurements: [
        ...of('start and first cell', first, { atMost: 3000 }),
        ...of('imports of a chapter', imported),
        ...of('a cell after that', after, { atMost: 150 }),
      ],
    };
  },
};
