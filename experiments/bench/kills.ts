import { join } from 'node:path';
import { key, uniformNumbers } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { differing, trainKilled, type Kill } from './killed-training.js';
import type { KilledTraining } from './kills-worker.js';

/** What is trained, and how often it is killed. */
type Recipe = Omit<KilledTraining, 'folder'> & { readonly kills: number; readonly seed: number };

const model = { layers: 2, width: 64, heads: 2, context: 32, vocabularySize: 500, dropout: 0.1 };

const recipeOf = (isQuick: boolean): Recipe => ({
  target: 'graph', // compiles at once
  model,
  numRows: 100,
  plan: {
    steps: isQuick ? 12 : 6000, // about two minutes
    batchSize: 8,
    microBatch: 2,
    checkpointEvery: isQuick ? 3 : 20,
    evaluateEvery: isQuick ? 4 : 50,
  },
  kills: isQuick ? 2 : 100,
  seed: 1,
});

/**
 * Whether a killed training goes on exactly: kills by SIGKILL at instants drawn evenly over the wall time, from the start of each process on.
 * Every checkpoint written after a kill is compared with that of the run never killed, all of it: weights, optimizer state, place in the
 * data, memory of the loop.
 */
export const kills: Benchmark = {
  name: 'kills',
  title: '100 kills at random instants of a training of two minutes: what it ends with',
  workload: recipeOf,
  run: async ({ quick, folder, say }) => {
    const { kills: numKills, seed, ...training } = recipeOf(quick);
    say('a run that is not killed');
    const whole = await trainKilled({ ...training, folder: join(folder, 'whole') }, []);
    const perKill = (whole.endAfter - whole.firstStepAfter) / numKills;
    // On average as much is trained between two kills as makes the whole run last for all of them; the start comes on top.
    const longest = whole.firstStepAfter + 2 * perKill;
    const draws = uniformNumbers(key(seed), 10 * numKills);
    let numDrawn = 0;
    let [numKilled, numHalfWritten, numInSteps, numRuns] = [0, 0, 0, 0];
    let [otherWeights, numCompared, numDiffering] = [0, 0, 0];
    while (numKilled < numKills && numDrawn < draws.length) {
      const moments = [...draws.slice(numDrawn, numDrawn + numKills - numKilled)].map((draw): Kill => ({
        after: 'start',
        milliseconds: draw * longest,
      }));
      const outcome = await trainKilled({ ...training, folder: join(folder, `killed-${numRuns}`) }, moments);
      numRuns++;
      numDrawn += Math.max(1, outcome.numKilled);
      numKilled += outcome.numKilled;
      numHalfWritten += outcome.numHalfWritten;
      numInSteps += outcome.lastSteps.filter((step) => step > 0).length;
      numCompared += outcome.checkpoints.length;
      numDiffering += differing(outcome, whole).length;
      if (outcome.weights !== whole.weights) otherWeights++;
      say(`${numKilled} kills, ${numRuns} runs`);
    }
    return {
      measurements: [
        { figure: 'kills', value: numKilled, goal: { atLeast: numKills } },
        { figure: 'kills after the first step of a process', value: numInSteps },
        { figure: 'kills that left a checkpoint half-written', value: numHalfWritten },
        { figure: 'checkpoints compared', value: numCompared },
        { figure: 'checkpoints that differ', value: numDiffering, goal: { atMost: 0 } },
        { figure: 'runs to the end', value: numRuns },
        { figure: 'runs that end with other weights', value: otherWeights, goal: { atMost: 0 } },
        { figure: 'the run that was not killed', value: (whole.endAfter - whole.firstStepAfter) / 1000, unit: 's' },
      ],
    };
  },
};
