/** The process that `measurePlan` starts: takes steps as a plan says and writes what they took as one line of JSON. */
import { readFileSync, writeFileSync } from 'node:fs';
import { engineInfo } from '../../engine/backend.js';
import { joinGroup } from '../../engine/collectives/join-group.js';
import { fold, key, uniformNumbers } from '../../engine/key.js';
import { decoder } from '../../model/decoder.js';
import type { Batch } from '../../tokens/loader.js';
import { causalLanguageModel } from '../objectives/causal-language-model.js';
import { adamw } from '../optimizers/adamw.js';
import { compactState } from '../optimizers/compact-state.js';
import { startTraining } from '../step.js';
import type { MeasuredPlan, MeasuredPlanInput } from './measure-plan.js';

/** Highest resident memory since it was last reset, in bytes; undefined where the system does not tell (`man 5 proc`, VmHWM). */
function peak(): number | undefined {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

async function measure({ config, plan, steps }: MeasuredPlanInput): Promise<MeasuredPlan> {
  const { batchSize, optimizerState = 'float32', precision, microBatch, recompute, lossChunks } = plan;
  engineInfo(); // loads the library
  const group = await joinGroup();
  const imported = process.memoryUsage.rss();
  const architecture = decoder(config);
  const weights = architecture.init(key(1));
  const training = startTraining(causalLanguageModel()(architecture), {
    weights,
    optimizer: compactState(adamw({ learningRate: 1e-3 }), optimizerState),
    precision,
    microBatch,
    recompute,
    lossChunks,
    group,
  });
  const { context, vocabularySize } = architecture.config;
  const rows = batchSize / group.size;
  /** This member's rows of what is one batch for all. */
  const draw = (name: string): Int32Array =>
    Int32Array.from(uniformNumbers(fold(key(1), name), batchSize * context), (number) =>
      Math.floor(number * vocabularySize),
    ).slice(group.index * rows * context, (group.index + 1) * rows * context);
  const counted = new Float32Array(rows * context).fill(1);
  const batch: Batch = { inputs: draw('inputs'), targets: draw('targets'), weights: counted, batchSize: rows, context };

  const losses = [(await training.step(batch, 1)).loss]; // compiles
  try {
    writeFileSync('/proc/self/clear_refs', '5'); // forgets the peak so far
  } catch {
    // not Linux: `peak` says so
  }
  const started = performance.now();
  for (let step = 2; step <= steps + 1; step++) losses.push((await training.step(batch, step)).loss);
  const secondsPerStep = (performance.now() - started) / 1000 / steps;
  const highest = peak();
  await group.leave();
  return {
    secondsPerStep,
    losses,
    ...(highest !== undefined && { peakBytes: highest - imported }),
  };
}

try {
  const measured = await measure(JSON.parse(process.argv[2] ?? '') as MeasuredPlanInput);
  process.stdout.write(`${JSON.stringify(measured)}\n`);
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
