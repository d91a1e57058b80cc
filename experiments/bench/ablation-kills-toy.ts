/** Two ablations of 12 arms on one toy experiment, three of them the same in both, for the benchmark `ablation-kills`. */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ablation, experiment } from 'trainbook';
import { z } from 'zod';

const { KILLS_LOG: log = '', KILLS_LIFE: life = '0', KILLS_WHICH: which = 'first', KILLS_QUICK: quick } = process.env;
const pause = 300; // ms that a stage takes

/** A line at once: nothing is lost with the process. */
const note = (line: string): void => {
  appendFileSync(log, `${life} ${line}\n`);
};

async function work(name: string): Promise<void> {
  note(`start ${name}`);
  await sleep(pause);
  note(`end ${name}`);
}

const schema = z.strictObject({ rate: z.number(), width: z.int(), depth: z.int() });
const toy = experiment('toy', schema, { rate: 1, width: 1, depth: 1 })
  .stage('corpus', async ({ key }) => {
    await work(`corpus ${key.words.join()}`);
    return key.words[0] % 1000;
  })
  .stage('fit', async ({ config: { rate, width, depth }, corpus, key }) => {
    await work(`fit ${corpus} ${rate} ${width} ${depth}`);
    if (rate === 3 && width === 4) throw new Error('diverged'); // one arm fails
    return rate * width + depth + (corpus + (key.words[0] % 100) * rate) / 1000;
  })
  .stage('score', async ({ fit }) => {
    await work(`score ${fit}`);
    return { loss: fit };
  });

const axes = {
  first: { rate: [1, 2, 3], width: [1, 2, 3, 4] },
  second: { rate: [1, 2, 3], depth: [1, 2, 3, 4] },
};

export default ablation(toy, {
  name: which,
  axes: quick === undefined ? axes[which as keyof typeof axes] : { rate: [1, 2] },
  seeds: quick === undefined ? [1, 2, 3] : [1],
  measure: ({ score }) => score.loss,
  label: 'loss',
  better: 'lower',
});
