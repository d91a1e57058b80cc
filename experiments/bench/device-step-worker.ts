import * as tf from '@tensorflow/tfjs';
import {
  causalLanguageModel,
  cell,
  key,
  setDevice,
  startTraining,
  type Batch,
  type DecoderWeights,
  type DeviceName,
  type Training,
} from 'trainbook';
import { compile, deviceInfo, openDevice } from './built.js';
import { median } from './blocks.js';
import type { DeviceStep, StepCost, StepCostRecipe } from './device-step.js';
import { adamwNumbers, architectureOf, drawBatch, optimizerOf, type GptRecipe } from './gpt-recipe.js';

/** A stopwatch around the native call that starts a program: what is left of a step is JavaScript's. */
function watchExecute(device: DeviceName): { entered: number; inside: number } {
  const watch = { entered: 0, inside: 0 };
  const { functions } = openDevice(device);
  const open = functions.native.bind(functions);
  const watched: typeof open = (name) => {
    const native = open(name);
    if (name !== 'PJRT_LoadedExecutable_Execute') return native;
    const timed = (args: number): number | bigint => {
      watch.entered = performance.now();
      const returned = native(args);
      watch.inside = performance.now() - watch.entered;
      return returned;
    };
    return Object.assign(timed, { async: native.async.bind(native) });
  };
  Object.assign(functions, { native: watched });
  return watch;
}

export const answers = {
  /** A step that reads and writes many small cells: all it does is hand buffers over. */
  cost: async ({
    device,
    cache,
    cells: numCells,
    blocks,
    steps,
  }: StepCostRecipe & { readonly device: DeviceName; readonly cache: string }): Promise<StepCost> => {
    process.env['TRAINBOOK_EXECUTABLE_CACHE'] = cache; // empty: the first start is a first start
    setDevice(device);
    const watch = watchExecute(device);
    const cells = Array.from({ length: numCells }, () => cell(tf.zeros([4])));
    const [first] = cells;
    const step = compile((x: tf.Tensor) => {
      for (const state of cells) state.write(tf.add(state.read(), x));
      return tf.sum(first?.read() ?? x);
    });
    const x = tf.ones([4]);
    const before: number[] = [];
    const all: number[] = [];
    for (let block = 0; block <= blocks; block++) {
      const costs: [before: number, all: number][] = [];
      for (let index = 0; index < steps; index++) {
        const started = performance.now();
        const result = step.sync(x);
        const took = performance.now() - started;
        costs.push([1000 * (watch.entered - started), 1000 * (took - watch.inside)]);
        await result.data(); // the device is idle again
        result.dispose();
      }
      if (block === 0) continue; // V8 compiles what runs often
      before.push(median(costs.map(([cost]) => cost)));
      all.push(median(costs.map(([, cost]) => cost)));
    }
    for (const state of cells) state.dispose();
    return { before, all };
  },

  /** Trains a GPT: how long until the step is compiled, until it is there from the cache, and its speed. */
  train: async ({
    device,
    recipe,
  }: {
    readonly device: DeviceName;
    readonly recipe: GptRecipe;
  }): Promise<DeviceStep> => {
    const name = setDevice(device);
    const batches = Array.from({ length: recipe.numBatches }, (_, index) => drawBatch(recipe, index));
    const batch = batches[0] as Batch;
    const begin = async (): Promise<{ seconds: number; training: Training<DecoderWeights, Batch> }> => {
      const architecture = architectureOf(recipe);
      const options = { weights: architecture.init(key(1)), optimizer: optimizerOf(adamwNumbers) };
      const training = startTraining(causalLanguageModel()(architecture), options);
      const started = performance.now();
      await training.step(batch, 1);
      return { seconds: (performance.now() - started) / 1000, training };
    };
    const timeOfStep = async (training: Training<DecoderWeights, Batch>): Promise<number> => {
      const started = performance.now();
      await training.step(batch, 2);
      return (performance.now() - started) / 1000;
    };
    const opened = openDevice(name);
    const { client, cache: executables } = opened;
    const compiling = { seconds: 0 };
    const compileNow = client.compile.bind(client);
    Object.assign(client, {
      compile: async (...given: Parameters<typeof compileNow>) => {
        const started = performance.now();
        const program = await compileNow(...given);
        compiling.seconds = (performance.now() - started) / 1000;
        return program;
      },
    });
    const finding = { seconds: NaN };
    const findNow = executables?.find.bind(executables);
    if (executables !== undefined && findNow !== undefined) {
      const find: typeof findNow = (...given) => {
        const started = performance.now();
        const found = findNow(...given);
        if (found !== undefined) finding.seconds = (performance.now() - started) / 1000;
        return found;
      };
      Object.assign(executables, { find });
    }
    const cold = await begin();
    const trace = cold.seconds - compiling.seconds - (await timeOfStep(cold.training));
    cold.training.dispose();
    await executables?.settled();
    const { training } = await begin();
    const tokensPerSecond: number[] = [];
    let step = 1;
    for (let round = 0; round < recipe.rounds; round++) {
      const started = performance.now();
      let numSteps = 0;
      while (numSteps === 0 || performance.now() - started < recipe.secondsPerBlock * 1000) {
        await training.step(batches[numSteps++ % batches.length] as Batch, ++step);
      }
      const seconds = (performance.now() - started) / 1000;
      tokensPerSecond.push((numSteps * recipe.batchSize * recipe.context) / seconds);
    }
    training.dispose();
    return {
      device: name,
      kind: deviceInfo(opened).kind,
      trace,
      compile: compiling.seconds,
      cached: finding.seconds,
      tokensPerSecond,
    };
  },
};
