import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { z } from 'zod';
import type { Json } from '../../src/files.js';
import { executeNotebook } from '../../src/report/execute-notebook.js';

const root = resolve(import.meta.dirname, '../..');
const venv = resolve(root, process.env.TRAINBOOK_TEST_VENV ?? '.venv');

/** The Python that has nbconvert, or nothing where the project is not set up. */
export const python = [join(venv, 'bin/python'), join(venv, 'Scripts/python.exe')].find((path) => existsSync(path));

/** A folder with the sources as JavaScript, file by file, so that tests never meet an old `dist/`. */
export async function buildSources(entries: readonly string[]): Promise<string> {
  const cache = join(root, 'node_modules/.cache/trainbook');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'sources-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const launcher = (entry: string): boolean => entry.endsWith('.cts');
  const settings = {
    outdir: folder,
    outbase: join(root, 'src'),
    platform: 'node',
    logLevel: 'error',
    target: 'node20',
  } as const;
  const paths = (chosen: readonly string[]): string[] => chosen.map((entry) => join(root, 'src', entry));
  await build({ ...settings, entryPoints: paths(entries.filter((entry) => !launcher(entry))), format: 'esm' });
  await build({
    ...settings,
    entryPoints: paths(entries.filter(launcher)),
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
  });
  return folder;
}

const outputSchema = z.looseObject({
  output_type: z.string(),
  text: z.union([z.string(), z.array(z.string())]).optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});
const notebookSchema = z.looseObject({
  cells: z.array(z.looseObject({ cell_type: z.string(), outputs: z.array(outputSchema).optional() })),
});

/** What a cell wrote: its streams as one text, and its MIME bundles in order. */
export interface CellOutput {
  readonly text: string;
  readonly bundles: readonly Readonly<Record<string, unknown>>[];
}

export interface Kernel {
  /** Runs cells in a fresh kernel; a cell that fails throws with its message, unless `failing` has its number. */
  run(
    cells: readonly string[],
    options?: { parameters?: Record<string, Json>; files?: Record<string, string>; failing?: readonly number[] },
  ): Promise<CellOutput[]>;
  close(): Promise<void>;
}

/** A kernel under its own name in a temporary folder, as set-up would register it. */
export async function kernel(name: string, argv: readonly string[], pythonPath: string): Promise<Kernel> {
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-kernel-'));
  const spec = { argv, display_name: name, language: 'typescript', interrupt_mode: 'signal' };
  await mkdir(join(folder, 'kernels', name), { recursive: true });
  await writeFile(join(folder, 'kernels', name, 'kernel.json'), JSON.stringify(spec));
  let count = 0;
  return {
    async run(cells, options = {}) {
      const work = join(folder, `work-${String(count++)}`);
      await mkdir(work, { recursive: true });
      for (const [file, content] of Object.entries(options.files ?? {})) await writeFile(join(work, file), content);
      const notebook = {
        nbformat: 4,
        nbformat_minor: 5,
        metadata: { kernelspec: { name, display_name: name, language: 'typescript' } },
        cells: cells.map((source, index) => {
          return {
            cell_type: 'code',
            id: `cell-${String(index)}`,
            metadata: options.failing?.includes(index) === true ? { tags: ['raises-exception'] } : {},
            execution_count: null,
            outputs: [],
            source,
          };
        }),
      };
      await writeFile(join(work, 'in.ipynb'), JSON.stringify(notebook));
      await executeNotebook(join(work, 'in.ipynb'), {
        python: pythonPath,
        kernel: name,
        timeoutSeconds: 60,
        output: join(work, 'out.ipynb'),
        environment: { JUPYTER_PATH: folder },
        ...(options.parameters === undefined ? {} : { parameters: options.parameters }),
      });
      const executed = notebookSchema.parse(JSON.parse(await readFile(join(work, 'out.ipynb'), 'utf8')));
      return executed.cells.map((cell) => ({
        text: (cell.outputs ?? []).flatMap(({ text }) => text ?? []).join(''),
        bundles: (cell.outputs ?? []).flatMap(({ data }) => (data === undefined ? [] : [data])),
      }));
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
