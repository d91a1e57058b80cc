/**
 * Parts of trainbook that are not in its vocabulary, from the build that `trainbook` itself comes from: a process has one
 * engine.
 */
import type * as BlockMixingModule from '../../src/model/block-mixing.js';
import type * as ChooseTokenModule from '../../src/model/choose-token.js';
import type * as CompileModule from '../../src/engine/compile.js';
import type * as MixingModule from '../../src/model/mixing.js';
import type * as OptimizerModule from '../../src/train/optimizer.js';
import type * as PrecisionModule from '../../src/engine/precision.js';
import type * as SafetensorsModule from '../../src/model/files/safetensors.js';
import type * as ProgramModule from '../../src/setup/program.js';
import type * as ScaleByAdamModule from '../../src/train/scale-by-adam.js';
import type * as ScaleByLearningRateModule from '../../src/train/scale-by-learning-rate.js';
import type * as ScheduleModule from '../../src/train/schedule.js';
import type * as WeightDecayModule from '../../src/train/add-weight-decay.js';

async function built<Module>(file: string): Promise<Module> {
  return (await import(new URL(`../../dist/${file}.js`, import.meta.url).href)) as Module;
}

export const { blockMixing } = await built<typeof BlockMixingModule>('model/block-mixing');
export const { likeliest } = await built<typeof ChooseTokenModule>('model/choose-token');
export const { compile, defaultTargets } = await built<typeof CompileModule>('engine/compile');
export const { mixing } = await built<typeof MixingModule>('model/mixing');
export const { readSafetensors, writeSafetensors } = await built<typeof SafetensorsModule>('model/files/safetensors');
export const { requireHardware } = await built<typeof PrecisionModule>('engine/precision');
export const { chain } = await built<typeof OptimizerModule>('train/optimizer');
export const { scaleByAdam } = await built<typeof ScaleByAdamModule>('train/scale-by-adam');
export const { addWeightDecay } = await built<typeof WeightDecayModule>('train/add-weight-decay');
export const { scaleByLearningRate } = await built<typeof ScaleByLearningRateModule>('train/scale-by-learning-rate');
export const { constant } = await built<typeof ScheduleModule>('train/schedule');
export const { runProgram } = await built<typeof ProgramModule>('setup/program');
