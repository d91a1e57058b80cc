/**
 * Parts of trainbook that are not in its vocabulary, from the build that `trainbook` itself comes from: a process has one
 * engine.
 */
import type * as BlockMixingModule from '../../src/model/block-mixing.js';
import type * as ChooseTokenModule from '../../src/model/choose-token.js';
import type * as CompileModule from '../../src/engine/compile.js';
import type * as DeviceModule from '../../src/engine/device.js';
import type * as FindPluginModule from '../../src/engine/pjrt/find-plugin.js';
import type * as ComparisonModule from '../../src/experiment/ablations/comparison.js';
import type * as CompareRunsModule from '../../src/experiment/run-index/compare-runs.js';
import type * as MetricsModule from '../../src/experiment/metrics.js';
import type * as QueryModule from '../../src/experiment/sql/query.js';
import type * as RunEntryModule from '../../src/experiment/run-index/run-entry.js';
import type * as SelectRunsModule from '../../src/experiment/run-index/select-runs.js';
import type * as WhereModule from '../../src/experiment/run-index/where.js';
import type * as MlflowClientModule from '../../src/experiment/sinks/mlflow/client.js';
import type * as MlflowSinkModule from '../../src/experiment/sinks/mlflow/sink.js';
import type * as MixingModule from '../../src/model/mixing.js';
import type * as PrecisionModule from '../../src/engine/precision.js';
import type * as SafetensorsModule from '../../src/model/files/safetensors.js';
import type * as SendRunModule from '../../src/experiment/sinks/send-run.js';
import type * as ProgramModule from '../../src/setup/program.js';

async function built<Module>(file: string): Promise<Module> {
  return (await import(new URL(`../../dist/${file}.js`, import.meta.url).href)) as Module;
}

export const { blockMixing } = await built<typeof BlockMixingModule>('model/block-mixing');
export const { likeliest } = await built<typeof ChooseTokenModule>('model/choose-token');
export const { compile, defaultTargets } = await built<typeof CompileModule>('engine/compile');
export const { deviceInfo, openDevice } = await built<typeof DeviceModule>('engine/device');
export const { findPlugin } = await built<typeof FindPluginModule>('engine/pjrt/find-plugin');
export const { mixing } = await built<typeof MixingModule>('model/mixing');
export const { readSafetensors, writeSafetensors } = await built<typeof SafetensorsModule>('model/files/safetensors');
export const { requireHardware } = await built<typeof PrecisionModule>('engine/precision');
export const { runProgram } = await built<typeof ProgramModule>('setup/program');
export const { MetricsWriter } = await built<typeof MetricsModule>('experiment/metrics');
export const { estimate } = await built<typeof ComparisonModule>('experiment/ablations/comparison');
export const { compareRuns } = await built<typeof CompareRunsModule>('experiment/run-index/compare-runs');
export const { listRuns } = await built<typeof RunEntryModule>('experiment/run-index/run-entry');
export const { selectRuns } = await built<typeof SelectRunsModule>('experiment/run-index/select-runs');
export const { parseCondition } = await built<typeof WhereModule>('experiment/run-index/where');
export const { openRunDatabase } = await built<typeof QueryModule>('experiment/sql/query');
export const { mlflowServer } = await built<typeof MlflowClientModule>('experiment/sinks/mlflow/client');
export const { mlflowSink } = await built<typeof MlflowSinkModule>('experiment/sinks/mlflow/sink');
export const { sendRun } = await built<typeof SendRunModule>('experiment/sinks/send-run');
