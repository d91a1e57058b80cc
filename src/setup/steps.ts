import { environmentStep } from './environment.js';
import { kernelsStep } from './kernels.js';
import { libraryStep } from './libtensorflow.js';
import { isClone, packageRoot } from './project.js';
import { selfLinkStep } from './self-link.js';
import type { Step } from './step.js';

/**
 * All that a project needs beside the Node packages and the build (see `bin/`), in order: the environment's pip fetches the
 * library, and the kernels lie in the environment.
 */
export function setUpSteps(project: string): Step[] {
  const own = isClone() && project === packageRoot ? [selfLinkStep()] : [];
  return [...own, environmentStep(project), libraryStep(project), kernelsStep(project)];
}
