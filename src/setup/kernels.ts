import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { writeAtomic } from '../files.js';
import { environmentFolder } from './environment.js';
import { packageRoot } from './project.js';
import type { Step } from './step.js';

/** `kernel.json`: how Jupyter starts a kernel. */
interface KernelSpec {
  readonly argv: readonly string[];
  readonly display_name: string;
  readonly language: string;
  readonly interrupt_mode: 'signal';
}

export interface Kernel {
  readonly name: string;
  readonly path: string;
  readonly spec: KernelSpec;
}

/**
 * Our kernel `trainbook` (strict TypeScript 5.9) and the vanilla `tslab`, in `.venv/share/jupyter/kernels/`. Both name this
 * Node and this package by absolute paths: Jupyter starts them in the notebook's folder.
 */
export function kernels(project: string): Kernel[] {
  const tslab = join(dirname(createRequire(import.meta.url).resolve('tslab/package.json')), 'bin', 'tslab');
  const describe = (name: string, displayName: string, argv: readonly string[]): Kernel => ({
    name,
    path: join(environmentFolder(project), 'share', 'jupyter', 'kernels', name, 'kernel.json'),
    spec: {
      argv: [process.execPath, ...argv],
      display_name: displayName,
      language: 'typescript',
      interrupt_mode: 'signal',
    },
  });
  return [
    describe('trainbook', 'trainbook (TypeScript)', [
      join(packageRoot, 'dist', 'kernel.cjs'),
      '--config-path',
      '{connection_file}',
    ]),
    describe('tslab', 'tslab (TypeScript)', [tslab, 'kernel', '--config-path={connection_file}']),
  ];
}

/** The text of a kernel's `kernel.json`. */
function specText({ spec }: Kernel): string {
  return `${JSON.stringify(spec, null, 2)}\n`;
}

/** Whether Jupyter would start the kernel with this Node and this package. */
export function isInstalled(kernel: Kernel): boolean {
  return existsSync(kernel.path) && readFileSync(kernel.path, 'utf8') === specText(kernel);
}

export function kernelsStep(project: string): Step {
  const wanted = kernels(project);
  return {
    name: 'Jupyter kernels',
    path: join(environmentFolder(project), 'share', 'jupyter', 'kernels', 'trainbook'),
    isReady: () => wanted.every(isInstalled),
    run: async () => {
      for (const kernel of wanted) await writeAtomic(kernel.path, specText(kernel));
    },
  };
}
