import { lstatSync, realpathSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from './project.js';
import type { Step } from './step.js';

/**
 * `node_modules/trainbook` of a clone leads to the clone, so that notebooks and experiments import `trainbook` by its name:
 * tslab looks for packages in node_modules only. `npm install` removes the link; the next set-up makes it again.
 */
export function selfLinkStep(root: string = packageRoot): Step {
  const path = join(root, 'node_modules', 'trainbook');
  return {
    name: 'Link node_modules/trainbook',
    path,
    isReady: () => lstatSync(path, { throwIfNoEntry: false }) !== undefined && leadsTo(path, root),
    run: async () => {
      await rm(path, { recursive: true, force: true });
      await symlink(root, path, 'junction'); // the kind that Windows allows without rights; other systems ignore it
    },
  };
}

function leadsTo(path: string, root: string): boolean {
  try {
    return realpathSync(path) === realpathSync(root);
  } catch {
    return false; // a link to a folder that was moved
  }
}
