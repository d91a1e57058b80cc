import {
  decoderPolicy,
  engineInfo,
  fold,
  key,
  loadModel,
  startRollouts,
  type DecoderWeights,
  type Model,
  type Rollouts,
} from 'trainbook';

/** Input of `start`; rollout_peer.py takes the same. */
export type RolloutStart = {
  readonly folder: string;
  readonly prompts: readonly (readonly number[])[];
  readonly newTokens: number;
};

/** Answer to `start`: what was written first. */
export type RolloutStarted = {
  readonly tokens: readonly (readonly number[])[];
  readonly logProbabilities: readonly (readonly number[])[];
};

/** Answer to `block`: one batch. */
export type RolloutBlock = {
  readonly tokensPerSecond: number;
  /** Of processors, for a token. */
  readonly milliseconds: number;
};

let model: Model;
let given: RolloutStart;
let rollouts: Rollouts<DecoderWeights>;
let numBatches = 0;

const write = () => rollouts.write(model.weights, given.prompts, fold(key(1), numBatches++));

export const answers = {
  /** Loads and compiles. */
  start: async (start: RolloutStart): Promise<RolloutStarted> => {
    engineInfo();
    given = start;
    model = await loadModel(start.folder);
    const { prompts, newTokens } = start;
    rollouts = startRollouts(decoderPolicy(model.architecture), {
      batchSize: prompts.length,
      maxTokens: newTokens,
      stops: [],
    });
    const written = await write();
    return {
      tokens: written.map(({ tokens }) => [...tokens]),
      logProbabilities: written.map(({ logProbabilities }) => [...logProbabilities]),
    };
  },
  block: async (): Promise<RolloutBlock> => {
    const [began, used] = [performance.now(), process.cpuUsage()];
    const written = await write();
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(used);
    const numTokens = written.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return { tokensPerSecond: numTokens / seconds, milliseconds: (user + system) / 1000 / numTokens };
  },
};
