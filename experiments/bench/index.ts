/** The benchmarks, each a workload that is defined once, for us and for peers. `npx trainbook bench` runs them. */
import type { Benchmark } from '../../src/commands/bench.js';
import { ablationKills } from './ablation-kills.js';
import { accelerator } from './accelerator.js';
import { attention } from './attention.js';
import { augmentation } from './augmentation.js';
import { charShakespeare, charShakespeareLong } from './char-shakespeare.js';
import { dataDeduplicate } from './data-deduplicate.js';
import { dataClean } from './data-clean.js';
import { dataKills } from './data-kills.js';
import { dataParallel } from './data-parallel.js';
import { dataRead } from './data-read.js';
import { dataPerplexity } from './data-perplexity.js';
import { dataOrder } from './data-order.js';
import { dataMemory, dataScale } from './data-scale.js';
import { decode } from './decode.js';
import { decoderStep } from './decoder-step.js';
import { deviceStep } from './device-step.js';
import { distillation } from './distillation.js';
import { dropped } from './dropped.js';
import { expertsStep } from './experts-step.js';
import { flatness } from './flatness.js';
import { gptStep } from './gpt-step.js';
import { grpoAgainstPpo } from './grpo-against-ppo.js';
import { kernel } from './kernel.js';
import { kills } from './kills.js';
import { mlflow } from './mlflow.js';
import { opOverhead } from './op-overhead.js';
import { quickstart } from './quickstart.js';
import { retention } from './retention.js';
import { retnetStep } from './retnet-step.js';
import { rematMemory } from './remat.js';
import { rollout } from './rollout.js';
import { runsBenchmark } from './runs.js';
import { reportOfArms } from './report.js';
import { loraStep, sftStep } from './sft-step.js';
import { t5Step } from './t5-step.js';
import { tokenizers } from './tokenizers.js';
import { trainLoop } from './train-loop.js';
import { planTable } from './plan-table.js';
import { trainingMemoryBenchmark } from './training-memory.js';
import { transformersStep } from './transformers-step.js';
import { fashionSwinBenchmark } from './fashion-swin.js';
import { visionStep } from './vision-step.js';

export { findPeer, machine } from './machine.js';

export const benchmarks: readonly Benchmark[] = [
  gptStep,
  transformersStep,
  t5Step,
  decoderStep,
  expertsStep,
  visionStep,
  retnetStep,
  trainLoop,
  sftStep,
  loraStep,
  planTable,
  dataParallel,
  rematMemory,
  trainingMemoryBenchmark,
  attention,
  retention,
  grpoAgainstPpo,
  dataRead,
  dataClean,
  dataDeduplicate,
  dataPerplexity,
  dataScale,
  dataMemory,
  dataOrder,
  dataKills,
  augmentation,
  tokenizers,
  decode,
  rollout,
  distillation,
  opOverhead,
  deviceStep,
  accelerator,
  flatness,
  dropped,
  kernel,
  kills,
  ablationKills,
  runsBenchmark,
  reportOfArms,
  mlflow,
  quickstart,
  fashionSwinBenchmark,
  charShakespeare,
  charShakespeareLong,
];
