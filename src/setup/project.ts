import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package trainbook: this file is `<root>/src/setup/project.ts` or `<root>/dist/setup/project.js`. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Whether trainbook runs from a clone of its repository, with sources, and not from an installed package. */
export function isClone(root: string = packageRoot): boolean {
  return existsSync(join(root, 'src', 'cli.ts')) && existsSync(join(root, 'tsconfig.build.json'));
}

/**
 * The folder that a command works in: the nearest one at or above `from` that has a package.json, else `from` itself. It
 * gets `.venv/`, `runs/`, `experiments/`.
 */
export function projectRoot(from: string = process.cwd()): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return resolve(from);
  }
}

/** Whether Node takes the `.ts` files of a project for ES modules: its package.json says `"type": "module"`. */
export function isModuleProject(project: string): boolean {
  const path = join(project, 'package.json');
  if (!existsSync(path)) return false;
  return (JSON.parse(readFileSync(path, 'utf8')) as { type?: string }).type === 'module';
}
