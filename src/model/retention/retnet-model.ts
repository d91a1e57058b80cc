import { join } from 'node:path';
import { z } from 'zod';
import { flatten } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Summary } from '../../figure.js';
import { readJson, writeAtomic } from '../../files.js';
import type { Codec } from '../../files.js';
import type { ShardOptions } from '../files/sharded.js';
import { parameterFigure } from '../parameter-figure.js';
import { loadWeights, saveWeights } from '../tree-weights.js';
import { retnet } from './retnet.js';
import type { RetNet, RetNetWeights } from './retnet.js';
import { retnetSchema } from './retnet-options.js';

/*
 * A folder with `model.safetensors`, whose tensors are named by their paths, and config.json:
 *
 * {"trainbook":{"format":1,"kind":"retnet","config":{"layers":4,"width":256,"heads":4,…}}}
 */

/** A retentive network and weights for it. Neither ever changes: training makes another model. */
export interface RetNetModel {
  readonly architecture: RetNet;
  readonly weights: RetNetWeights;
}

const fileSchema = z.object({
  trainbook: z.object({ format: z.literal(1), kind: z.literal('retnet'), config: retnetSchema }),
});

/**
 * Writes `config.json` and `model.safetensors` into a folder, from which `loadRetNet` makes the model again.
 *
 * @example
 * await saveRetNet(model, 'my-retnet');
 */
export async function saveRetNet(
  { architecture: { kind, config }, weights }: RetNetModel,
  folder: string,
  options: ShardOptions = {},
): Promise<void> {
  const own = { format: 1, kind, config };
  await writeAtomic(join(folder, 'config.json'), `${JSON.stringify({ trainbook: own }, null, 2)}\n`);
  await saveWeights(weights, folder, options);
}

/**
 * Reads a retentive network that `saveRetNet` wrote.
 *
 * @throws TrainbookError if a file is missing, damaged, or does not fit the other.
 * @example
 * const [sample] = await sample(await loadRetNet('my-retnet'), tokenizer, ['ROMEO:'], { key: key(1) });
 */
export async function loadRetNet(folder: string): Promise<RetNetModel> {
  const path = join(folder, 'config.json');
  const parsed = fileSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    throw new TrainbookError({
      what: `loadRetNet: ${path} describes no retentive network`,
      received: z.prettifyError(parsed.error),
      expected: 'what saveRetNet writes',
    });
  }
  const architecture = retnet(parsed.data.trainbook.config);
  return { architecture, weights: (await loadWeights<unknown>(architecture.specs, folder)) as RetNetWeights };
}

/** Whether a value is a retentive network with its weights. */
export function isRetNet(value: unknown): value is RetNetModel {
  return (
    typeof value === 'object' &&
    value !== null &&
    'weights' in value &&
    (value as Partial<RetNetModel>).architecture?.kind === 'retnet'
  );
}

/** How a run keeps a retentive network: `config.json` and `model.safetensors`. */
export const retnetCodec: Codec<RetNetModel> = {
  kind: 'retnet',
  is: isRetNet,
  write: (model, folder) => saveRetNet(model, folder),
  read: loadRetNet,
  dispose: ({ weights }) => {
    for (const tensor of flatten(weights)) tensor.dispose();
  },
  summarise: summariseRetNet,
};

/** What a report shows of a retentive network. */
export function summariseRetNet({ architecture }: RetNetModel): Summary {
  const { config, numParameters, flopsPerToken } = architecture;
  const { decodeFlops, stateBytes } = architecture.cost(config.context);
  return {
    title: 'Retentive network',
    facts: {
      parameters: numParameters,
      'forward FLOPs per token': flopsPerToken,
      'FLOPs of a token that is written': decodeFlops,
      'memory of all that was read (bytes)': stateBytes,
      layers: config.layers,
      'width (features)': config.width,
      heads: config.heads,
      'context (tokens)': config.context,
      'vocabulary (tokens)': config.vocabularySize,
      parts: `layer norm, rotary positions, chunks of ${config.chunk} tokens, gelu`,
    },
    figures: [parameterFigure(architecture)],
  };
}
