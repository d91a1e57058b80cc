import { join, resolve } from 'node:path';
import { checkOneTfjs } from '../engine/one-tfjs.js';
import { TrainbookError } from '../error.js';
import { isAblation } from '../experiment/ablations/ablation.js';
import type { Ablation } from '../experiment/ablations/ablation.js';
import type { AblationPlace } from '../experiment/ablations/open-ablation.js';
import { projectRoot } from '../setup/project.js';
import { loadDefault } from './run-file.js';

/**
 * The ablation that a TypeScript file exports as its default, and where it runs.
 *
 * @throws TrainbookError for a file that does not exist or exports none
 */
export async function loadAblation(
  file: string,
  signal: AbortSignal,
): Promise<{ readonly ablation: Ablation; readonly place: AblationPlace; readonly project: string }> {
  const project = projectRoot();
  checkOneTfjs(project);
  const found = await loadDefault(file, 'ablate');
  if (!isAblation(found)) {
    throw new TrainbookError({
      what: `ablate: ${file} exports no ablation`,
      received: found === undefined ? 'no default export' : `a default export of type ${typeof found}`,
      expected: 'export default ablation(base, { axes: …, seeds: [1, 2, 3], measure: … })',
    });
  }
  const { engineInfo, engineName } = await import('../engine/backend.js');
  const { backend, reason, library, devices } = engineInfo();
  const place = {
    file: resolve(file),
    runsFolder: join(project, 'runs'),
    numericClass: engineName(),
    engine: { backend, reason, version: library?.version ?? null, devices: [...devices] },
    signal,
  };
  return { ablation: found, place, project };
}
