import { join, resolve } from 'node:path';
import { projectRoot } from '../setup/project.js';

/** The option of every command that looks at many runs. */
export const runsOption = {
  runs: { type: 'string', valueHint: 'folder', description: 'Where the runs lie (runs/ of the project)' },
} as const;

export function runsFolder({ runs }: { readonly runs?: string | undefined }): string {
  return runs === undefined ? join(projectRoot(), 'runs') : resolve(runs);
}
