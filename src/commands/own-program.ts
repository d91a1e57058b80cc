import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The words with which Node starts a program of this folder: built, or from its source through tsx. */
export function ownProgram(name: string): string[] {
  const isSource = import.meta.url.endsWith('.ts');
  const program = fileURLToPath(new URL(`${name}.${isSource ? 'ts' : 'js'}`, import.meta.url));
  if (!isSource) return [program];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, program];
}
