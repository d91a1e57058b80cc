import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TrainbookError } from '../error.js';

/** A copy of tfjs-core on disk. */
export interface TfjsCore {
  readonly folder: string;
  readonly version: string;
}

/**
 * The tfjs-core that code in `folder` meets through `@tensorflow/tfjs`, or undefined where it has none.
 *
 * @example
 * tfjsCoreOf(process.cwd()); // { folder: '…/node_modules/@tensorflow/tfjs-core', version: '4.22.0' }
 */
export function tfjsCoreOf(folder: string): TfjsCore | undefined {
  try {
    const tfjs = createRequire(join(folder, 'package.json')).resolve('@tensorflow/tfjs/package.json');
    const require = createRequire(tfjs);
    const core = require.resolve('@tensorflow/tfjs-core/package.json');
    const { version } = require(core) as { version: string };
    return { folder: realpathSync(dirname(core)), version };
  } catch {
    return undefined; // not installed there: then it cannot be a second copy
  }
}

/**
 * Two copies of tfjs-core have two classes `Tensor` and two sets of gradients: tensors of one fail in the other with
 * errors that name neither. So the copy of the project and that of trainbook must be one.
 *
 * @throws TrainbookError that names both copies
 */
export function checkOneTfjs(project: string, own: string = import.meta.dirname): void {
  const theirs = tfjsCoreOf(project);
  const ours = tfjsCoreOf(own);
  if (theirs === undefined || ours === undefined || theirs.folder === ours.folder) return;
  throw new TrainbookError({
    what: 'engine: two copies of @tensorflow/tfjs-core, so tensors of one would not work in the other',
    received: `${theirs.version} in ${theirs.folder}, ${ours.version} in ${ours.folder}`,
    expected: 'one copy for the project and trainbook',
    fix: `npm install @tensorflow/tfjs@${ours.version} && npm dedupe`,
  });
}
