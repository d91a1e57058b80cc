/** One member of a group that takes steps of a GPT; member 0 writes what they took as a line of JSON. */
import { causalLanguageModel, fold, joinGroup, key, loader, startTraining, type Packed } from 'trainbook';
import { adamwNumbers, architectureOf, drawBatch, optimizerOf, type GptRecipe } from './gpt-recipe.js';

const { recipe, steps } = JSON.parse(process.env['TRAINBOOK_BENCH'] ?? '') as { recipe: GptRecipe; steps: number };
const group = await joinGroup();
const architecture = architectureOf(recipe);
const weights = architecture.init(key(1));
const training = startTraining(causalLanguageModel()(architecture), {
  weights,
  optimizer: optimizerOf(adamwNumbers),
  group,
});
const { batchSize, context, numBatches } = recipe;
const numRows = batchSize * numBatches;
const drawn = Array.from({ length: numBatches }, (_, index) => drawBatch(recipe, index));
const tokens = Int32Array.from({ length: numRows * (context + 1) }, (_, place) => {
  const [row, at] = [Math.floor(place / (context + 1)), place % (context + 1)];
  return drawn[Math.floor(row / batchSize)]?.inputs[(row % batchSize) * context + (at % context)] ?? 0;
});
const packed: Packed = {
  context,
  numRows,
  tokens,
  weights: new Uint8Array(numRows * context).fill(1),
  numTokens: numRows * context,
  numBytes: numRows * context,
};
const reader = { index: group.index, count: group.size };
const batches = loader(packed, { batchSize, key: fold(key(1), 'order'), reader });
const losses: number[] = [];
let number = 0;
const step = async (): Promise<void> => {
  losses.push((await training.step(batches.next(), ++number)).loss);
};
for (let warm = 0; warm < 2; warm++) await step();
const [started, sent] = [performance.now(), group.bytesSent];
for (let done = 0; done < steps; done++) await step();
const secondsPerStep = (performance.now() - started) / 1000 / steps;
if (group.index === 0) {
  const bytesSent = (group.bytesSent - sent) / steps;
  console.log(JSON.stringify({ secondsPerStep, bytesSent, losses, numParameters: architecture.numParameters }));
}
await group.leave();
