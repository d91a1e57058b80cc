import { join } from 'node:path';
import {
  engineInfo,
  imageClassification,
  loadImageModel,
  startTraining,
  type ImageBatch,
  type Training,
} from 'trainbook';
import { readSafetensors } from './built.js';
import { optimizerOf } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';
import type { StepStart, StepStarted } from './transformers-worker.js';

/** Input of `start`; vision_peer.py takes the same. */
export type VisionStart = Omit<StepStart, 'kind'>;

let training: Training<unknown, ImageBatch>;
let batches: readonly ImageBatch[];
let step = 0;

async function nextStep(): Promise<number> {
  const batch = batches[step % batches.length] as ImageBatch;
  return (await training.step(batch, ++step)).loss;
}

export const answers = {
  start: async ({ folder, target, adamw, checkSteps }: VisionStart): Promise<StepStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    const { architecture, weights } = await loadImageModel(folder);
    batches = await readBatches(folder, architecture.classes.length);
    training = startTraining(imageClassification()(architecture), {
      weights,
      optimizer: optimizerOf(adamw),
      target: target as 'xla' | 'graph',
    });
    const losses: number[] = [];
    while (losses.length < checkSteps) losses.push(await nextStep());
    resetPeak();
    await nextStep();
    const peak = peakMegabytes();
    return { losses, peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Steps for about so many seconds; images per second. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const { batchSize } = batches[0] as ImageBatch;
    const started = performance.now();
    let numSteps = 0;
    while (numSteps === 0 || performance.now() - started < seconds * 1000) {
      await nextStep();
      numSteps++;
    }
    return (numSteps * batchSize) / ((performance.now() - started) / 1000);
  },
};

async function readBatches(folder: string, numClasses: number): Promise<ImageBatch[]> {
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
