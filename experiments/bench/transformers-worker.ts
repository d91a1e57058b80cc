import { join } from 'node:path';
import {
  causalLanguageModel,
  engineInfo,
  imageClassification,
  loadEncoder,
  loadEncoderDecoder,
  loadImageModel,
  loadModel,
  loadRetNet,
  sequenceToSequence,
  startTraining,
  withHead,
  type Batch,
  type ImageBatch,
  type SequenceBatch,
  type Training,
} from 'trainbook';
import { readSafetensors } from './built.js';
import { adamwNumbers, optimizerOf } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** Input of `start`; transformers_peer.py takes the same. */
export type StepStart = {
  readonly folder: string;
  readonly kind: 'decoder' | 'encoder' | 'encoderDecoder' | 'imageClassifier' | 'retnet';
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

/** The steps of a training on batches of its own. */
interface Steps {
  /** The loss of a step, the first of which is 1. */
  readonly step: (number: number) => Promise<number>;
  /** Tokens, or images. */
  readonly unitsPerStep: number;
}

let steps: Steps;
let step = 0;

const nextStep = (): Promise<number> => steps.step(++step);

/** Batches in turn. */
function inTurn<Weights, B>(training: Training<Weights, B>, batches: readonly B[], unitsPerStep: number): Steps {
  return {
    step: async (number) => (await training.step(batches[(number - 1) % batches.length] as B, number)).loss,
    unitsPerStep,
  };
}

export const answers = {
  start: async ({ folder, kind, target, checkSteps }: StepStart): Promise<StepStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    steps = await stepsOf(folder, kind, target as 'xla' | 'graph');
    const losses: number[] = [];
    while (losses.length < checkSteps) losses.push(await nextStep());
    resetPeak();
    await nextStep();
    const peak = peakMegabytes();
    return { losses, peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Steps for about so many seconds; tokens, or images, per second. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const started = performance.now();
    let numSteps = 0;
    while (numSteps === 0 || performance.now() - started < seconds * 1000) {
      await nextStep();
      numSteps++;
    }
    return (numSteps * steps.unitsPerStep) / ((performance.now() - started) / 1000);
  },
};

async function stepsOf(folder: string, kind: StepStart['kind'], target: 'xla' | 'graph'): Promise<Steps> {
  const optimizer = optimizerOf(adamwNumbers);
  if (kind === 'encoderDecoder') {
    const { architecture, weights } = await loadEncoderDecoder(folder);
    const training = startTraining(sequenceToSequence()(architecture), { weights, optimizer, target });
    const batches = await readSequenceBatches(folder);
    const [{ batchSize, sources, targetContext }] = batches as [SequenceBatch];
    return inTurn(training, batches, batchSize * (sources.context + targetContext));
  }
  if (kind === 'imageClassifier') {
    const { architecture, weights } = await loadImageModel(folder);
    const training = startTraining(imageClassification()(architecture), { weights, optimizer, target });
    const batches = await readImageBatches(folder, architecture.classes.length);
    const [{ batchSize }] = batches as [ImageBatch];
    return inTurn(training, batches, batchSize);
  }
  const batches = await readBatches(folder);
  const [{ batchSize, context }] = batches as [Batch];
  if (kind === 'decoder') {
    const { architecture, weights } = await loadModel(folder);
    const training = startTraining(causalLanguageModel()(architecture), { weights, optimizer, target });
    return inTurn(training, batches, batchSize * context);
  }
  if (kind === 'retnet') {
    const { architecture, weights } = await loadRetNet(folder);
    const training = startTraining(causalLanguageModel()(architecture), { weights, optimizer, target });
    return inTurn(training, batches, batchSize * context);
  }
  const { architecture: trunk, weights, heads } = await loadEncoder(folder);
  const { maskedLanguageModel: head } = heads;
  if (head === undefined) throw new Error(`${folder} has no head for masked tokens`);
  const training = startTraining(causalLanguageModel()(withHead(trunk, head.architecture)), {
    weights: { trunk: weights, head: head.weights },
    optimizer,
    target,
  });
  return inTurn(training, batches, batchSize * context);
}

async function readSequenceBatches(folder: string): Promise<SequenceBatch[]> {
  const { tensors } = await readSafetensors(join(folder, 'batches.safetensors'));
  const [numBatches = 0, batchSize = 0, sourceContext = 0] = tensors.get('inputs')?.shape ?? [];
  const [, , targetContext = 0] = tensors.get('targets')?.shape ?? [];
  const part = (name: string, index: number, size: number): Int32Array =>
    (tensors.get(name)?.elements as Int32Array).slice(index * size, (index + 1) * size);
  return Array.from({ length: numBatches }, (_, index) => ({
    sources: {
      inputs: part('inputs', index, batchSize * sourceContext),
      mask: new Int32Array(batchSize * sourceContext).fill(1),
      context: sourceContext,
    },
    targets: part('targets', index, batchSize * targetContext),
    weights: new Float32Array(batchSize * targetContext).fill(1),
    batchSize,
    targetContext,
  }));
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

async function readImageBatches(folder: string, numClasses: number): Promise<ImageBatch[]> {
  const { tensors } = await readSafetensors(join(folder, 'batches.safetensors'));
  const [numBatches = 0, batchSize = 0, height = 0, width = 0, channels = 0] = tensors.get('images')?.shape ?? [];
  const size = batchSize * height * width * channels;
  const images = tensors.get('images')?.elements as Float32Array;
  const labels = tensors.get('labels')?.elements as Int32Array;
  return Array.from({ length: numBatches }, (_, index) => {
    const targets = new Float32Array(batchSize * numClasses);
    for (let row = 0; row < batchSize; row++) targets[row * numClasses + (labels[index * batchSize + row] ?? 0)] = 1;
    return {
      inputs: images.slice(index * size, (index + 1) * size),
      shape: [height, width, channels],
      targets,
      weights: new Float32Array(batchSize).fill(1),
      batchSize,
    };
  });
}
