import { join } from 'node:path';
import {
  causalLanguageModel,
  engineInfo,
  loadEncoder,
  loadModel,
  startTraining,
  withHead,
  type Batch,
  type Training,
} from 'trainbook';
import { readSafetensors } from './built.js';
import { adamwNumbers, optimizerOf } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** Input of `start`; transformers_peer.py takes the same. */
export type StepStart = {
  readonly folder: string;
  readonly kind: 'decoder' | 'encoder';
  /** `xla` or `graph`; PyTorch: `eager` or `compile`. */
  readonly target: string;
  readonly threads: number;
  readonly adamw: typeof adamwNumbers;
  /** Steps whose losses are compared. */
  readonly checkSteps: number;
};

/** Answer to `start`. Memory in MB above the RSS after import; null where the system does not tell. */
export type StepStarted = {
  readonly losses: readonly number[];
  readonly peakOfSteps: number | null;
};

let training: Training<unknown, Batch>;
let batches: readonly Batch[];
let step = 0;

async function nextStep(): Promise<number> {
  const batch = batches[step % batches.length] as Batch;
  return (await training.step(batch, ++step)).loss;
}

export const answers = {
  start: async ({ folder, kind, target, checkSteps }: StepStart): Promise<StepStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    batches = await readBatches(folder);
    training = await trainingOf(folder, kind, target as 'xla' | 'graph');
    const losses: number[] = [];
    while (losses.length < checkSteps) losses.push(await nextStep());
    resetPeak();
    await nextStep();
    const peak = peakMegabytes();
    return { losses, peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Steps for about so many seconds; tokens per second. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const { batchSize, context } = batches[0] as Batch;
    const started = performance.now();
    let numSteps = 0;
    while (numSteps === 0 || performance.now() - started < seconds * 1000) {
      await nextStep();
      numSteps++;
    }
    return (numSteps * batchSize * context) / ((performance.now() - started) / 1000);
  },
};

async function trainingOf(
  folder: string,
  kind: StepStart['kind'],
  target: 'xla' | 'graph',
): Promise<Training<unknown, Batch>> {
  const optimizer = optimizerOf(adamwNumbers);
  if (kind === 'decoder') {
    const { architecture, weights } = await loadModel(folder);
    return startTraining(causalLanguageModel()(architecture), { weights, optimizer, target });
  }
  const { architecture: trunk, weights, heads } = await loadEncoder(folder);
  const { maskedLanguageModel: head } = heads;
  if (head === undefined) throw new Error(`${folder} has no head for masked tokens`);
  return startTraining(causalLanguageModel()(withHead(trunk, head.architecture)), {
    weights: { trunk: weights, head: head.weights },
    optimizer,
    target,
  });
}

async function readBatches(folder: string): Promise<Batch[]> {
  const { tensors } = await readSafetensors(join(folder, 'batches.safetensors'));
  const [numBatches = 0, batchSize = 0, context = 0] = tensors.get('inputs')?.shape ?? [];
  const size = batchSize * context;
  const integers = (name: string, index: number): Int32Array =>
    (tensors.get(name)?.elements as Int32Array).slice(index * size, (index + 1) * size);
  const counted = tensors.get('counted')?.elements as Float32Array;
  return Array.from({ length: numBatches }, (_, index) => ({
    inputs: integers('inputs', index),
    targets: integers('targets', index),
    weights: counted.slice(index * size, (index + 1) * size),
    batchSize,
    context,
  }));
}
