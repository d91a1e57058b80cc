import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readJson, writeAtomic } from '../files.js';
import type { ShardOptions } from './files/sharded.js';
import { mlpClassifier, mlpClassifierOptions } from './mlp-classifier.js';
import type { MlpClassifier, MlpClassifierWeights } from './mlp-classifier.js';
import { loadWeights, saveWeights } from './tree-weights.js';

/*
 * A folder with `model.safetensors` and config.json:
 *
 * {"trainbook":{"format":1,"kind":"mlpClassifier","config":{"sizes":[1000,512,10],"activation":"relu","dropout":0.2}}}
 */

/** A classifier and weights for it. */
export interface MlpClassifierModel {
  readonly architecture: MlpClassifier;
  readonly weights: MlpClassifierWeights;
}

const configSchema = z.object({
  trainbook: z.object({ format: z.literal(1), kind: z.literal('mlpClassifier'), config: mlpClassifierOptions }),
});

/**
 * Writes `config.json` and `model.safetensors` into a folder, from which `loadMlpClassifier` makes the classifier again.
 *
 * @example
 * await saveMlpClassifier({ architecture, weights }, 'my-classifier');
 */
export async function saveMlpClassifier(
  { architecture, weights }: MlpClassifierModel,
  folder: string,
  options: ShardOptions = {},
): Promise<void> {
  const own = { format: 1, kind: architecture.kind, config: architecture.config };
  await writeAtomic(join(folder, 'config.json'), `${JSON.stringify({ trainbook: own }, null, 2)}\n`);
  await saveWeights(weights, folder, options);
}

/**
 * Reads a classifier that `saveMlpClassifier` wrote.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 * @example
 * const { architecture, weights } = await loadMlpClassifier('my-classifier');
 * const logits = architecture.forward(weights, x); // [batch, classes]
 */
export async function loadMlpClassifier(folder: string): Promise<MlpClassifierModel> {
  const path = join(folder, 'config.json');
  const parsed = configSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    throw new TrainbookError({
      what: `loadMlpClassifier: ${path} describes no classifier`,
      received: z.prettifyError(parsed.error),
      expected: 'what saveMlpClassifier writes',
    });
  }
  const architecture = mlpClassifier(parsed.data.trainbook.config);
  return { architecture, weights: (await loadWeights<unknown>(architecture.specs, folder)) as MlpClassifierWeights };
}
