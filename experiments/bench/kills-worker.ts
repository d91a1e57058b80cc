/**
 * A training that may be killed at any moment and started again. It says on standard output, in lines of JSON, how far it is:
 *
 * {"step":4}
 * {"checkpoint":3,"hash":"<hash of the checkpoint's files, cursor and memory>"}
 * {"weights":"<hash of the last weights>"}
 */
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decoder, key, pretrain, uniformNumbers, weightHash, type Packed, type TrainEvent } from 'trainbook';

/** What is trained. The same settings in another folder end with the same weights. */
export type KilledTraining = {
  /** For checkpoints. */
  readonly folder: string;
  readonly target: 'graph' | 'xla';
  readonly model: {
    readonly layers: number;
    readonly width: number;
    readonly heads: number;
    readonly context: number;
    readonly vocabularySize: number;
    readonly dropout: number;
  };
  readonly numRows: number;
  readonly plan: {
    readonly steps: number;
    readonly batchSize: number;
    readonly microBatch: number;
    readonly checkpointEvery: number;
    readonly evaluateEvery: number;
  };
};

/** What it says. */
export type KilledTrainingLine =
  { readonly step: number } | { readonly checkpoint: number; readonly hash: string } | { readonly weights: string };

function say(line: KilledTrainingLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`); // at once: nothing is lost with the process
}

/** Rows of a walk over the vocabulary, with a part that cannot be foreseen. */
function drawnRows(numRows: number, { context, vocabularySize }: KilledTraining['model'], seed: number): Packed {
  const jumps = uniformNumbers(key(seed), numRows * (context + 1));
  let token = 0;
  const tokens = Int32Array.from(jumps, (jump) => (token = (token + 3 + Math.floor(jump * 3)) % vocabularySize));
  const numTokens = numRows * context;
  return { context, numRows, tokens, weights: new Uint8Array(numTokens).fill(1), numTokens, numBytes: numTokens };
}

function told(event: TrainEvent): void {
  if (event.type === 'step') say({ step: event.step });
  if (event.type === 'checkpoint') {
    const { own } = JSON.parse(readFileSync(join(event.folder, 'state.json'), 'utf8')) as { own: string };
    say({ checkpoint: event.step, hash: own });
  }
}

const { folder, target, model, numRows, plan } = JSON.parse(process.argv[2] ?? '') as KilledTraining;
const trained = await pretrain(decoder(model), {
  ...plan,
  data: drawnRows(numRows, model, 1),
  heldOut: drawnRows(plan.batchSize, model, 2),
  learningRate: 3e-3,
  warmupSteps: 5,
  best: { metric: 'heldOutLoss', patience: plan.steps },
  spike: { deviations: 3, action: 'record' },
  key: key(7),
  target,
  checkpoints: folder,
  on: told,
});
say({ weights: await weightHash(trained) });
