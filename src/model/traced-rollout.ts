import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { writeRow } from '../engine/scan.js';
import { flatten, mapTree, unflatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import type { Choice } from './choice.js';
import { drawTokens } from './draw-tokens.js';
import { emptyCache } from './key-value-cache.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { Policy } from './policy.js';

// Legend: rows of the batch are answers; `time` the length of the padded prompts; a cache has time + maxTokens − 1 rows.

/** What a batch of answers is written from. */
export type RolloutInputs = {
  /** Prompts, padded on the left: int32 [prompts, time]. */
  readonly prompts: tf.Tensor;
  /** The first token of each prompt that is not padding: int32 [prompts]. */
  readonly starts: tf.Tensor;
  /** The prompt of each answer, int32 [batch]; without it answer i has prompt i. */
  readonly promptOf?: tf.Tensor;
  /** Whether an answer is to be written; others fill the batch. bool [batch] */
  readonly open: tf.Tensor;
  /** The number in [0, 1) that draws each token: float32 [maxTokens, batch]. */
  readonly uniforms: tf.Tensor;
  /** Tokens of each prompt, for a repetition penalty: bool [batch, vocabulary]. */
  readonly seen?: tf.Tensor;
};

/** What was written; beyond an answer's end the numbers mean nothing. */
export type RolloutOutputs = {
  readonly tokens: tf.Tensor; // int32 [batch, maxTokens]
  readonly logProbabilities: tf.Tensor; // [batch, maxTokens]
};

/** How answers are written, as a trace needs to know. */
export interface RolloutRules {
  readonly maxTokens: number;
  readonly stops: readonly number[];
  readonly choice: Choice;
}

/** What stays the same of each answer while it is written. */
type Given = { readonly starts: tf.Tensor; readonly uniforms: tf.Tensor };

/** What changes with each token. */
type State = {
  /** Tokens written, of every open answer: int32 scalar. */
  readonly count: tf.Tensor;
  readonly last: tf.Tensor; // int32 [rows]
  readonly open: tf.Tensor; // bool [rows]
  readonly tokens: tf.Tensor; // int32 [maxTokens, rows]
  readonly logProbabilities: tf.Tensor; // [maxTokens, rows]
  readonly seen: readonly tf.Tensor[]; // none, or one: bool [rows, vocabulary]
  readonly cache: KeyValueCache;
};

/**
 * Whole answers in one call: the prompts are read, each distinct one once; then a loop reads the last token of each answer and draws the
 * next, with the cache as its state, until all answers have ended. When most of them have, the others go on in a loop of fewer rows.
 *
 * @example
 * const write = compile((weights: DecoderWeights, inputs: RolloutInputs) => traceRollout(policy, rules, weights, inputs));
 */
export function traceRollout<Weights>(
  policy: Policy<Weights>,
  rules: RolloutRules,
  weights: Weights,
  inputs: RolloutInputs,
): RolloutOutputs {
  const time = inputs.prompts.shape[1] ?? 0;
  const batch = inputs.open.shape[0];
  const begun = readPrompts(policy, rules, weights, inputs);
  const stages = loopSizes(batch, rules.stops.length > 0);
  let given: Given = { starts: ofAnswers(inputs.starts, inputs.promptOf), uniforms: inputs.uniforms };
  let state = begun;
  let places: tf.Tensor | undefined; // which answer a row writes, once there are fewer rows
  let written = byAnswer(state);
  for (const [index, size] of stages.entries()) {
    if (index > 0) {
      const rows = tf.topk(tf.cast(state.open, 'float32'), size).indices; // open ones come first
      [given, state] = [takeGiven(given, rows), takeState(state, rows)];
      places = places === undefined ? rows : tf.gather(places, rows);
    }
    state = writeUntil(policy, rules, weights, { state, given, time, numOpen: stages[index + 1] ?? 0 });
    const own = byAnswer(state);
    written = places === undefined ? own : putRows(written, own, places);
  }
  return written;
}

/**
 * The rows of each loop: when three quarters of many answers have ended, the others go on in a second one. Each further loop is compiled,
 * too. Without stops all answers end together.
 *
 * @example
 * loopSizes(64, true); // [64, 16]
 */
export function loopSizes(batch: number, endsEarly: boolean): readonly number[] {
  const few = Math.floor(batch / 4);
  return endsEarly && few >= smallestLoop ? [batch, few] : [batch];
}

/** With fewer rows the time is that of reading the weights, and half of the rows take as long. */
const smallestLoop = 8;

function readPrompts<Weights>(
  policy: Policy<Weights>,
  rules: RolloutRules,
  weights: Weights,
  { prompts, starts, promptOf, open, uniforms, seen }: RolloutInputs,
): State {
  const { cacheShape: shape, config } = policy.architecture;
  const [batch, time] = prompts.shape as [number, number];
  const first = tf.scalar(0, 'int32');
  const empty = emptyCache({ layers: config.layers, batch, rows: time, shape });
  const { logits, cache } = policy.decode(weights, prompts, first, empty, starts);
  const room = (rows: tf.Tensor): tf.Tensor =>
    tf.pad(ofAnswers(rows, promptOf), [
      [0, 0],
      [0, 0],
      [0, rules.maxTokens - 1],
      [0, 0],
    ]);
  const rows = open.shape[0];
  return next(rules, ofAnswers(logits, promptOf), uniforms, {
    count: first,
    open,
    tokens: tf.zeros([rules.maxTokens, rows], 'int32'),
    logProbabilities: tf.zeros([rules.maxTokens, rows]),
    seen: seen === undefined ? [] : [seen],
    cache: mapTree<tf.Tensor, tf.Tensor>(cache, room) as KeyValueCache,
  });
}

const ofAnswers = (ofPrompts: tf.Tensor, promptOf: tf.Tensor | undefined): tf.Tensor =>
  promptOf === undefined ? ofPrompts : tf.gather(ofPrompts, promptOf);

/** Draws one more token of each answer. */
function next(rules: RolloutRules, logits: tf.Tensor, uniforms: tf.Tensor, before: Omit<State, 'last'>): State {
  const { count, open } = before;
  const [seen] = before.seen;
  const rows = open.shape[0];
  const own = tf.reshape(tf.gather(uniforms, tf.reshape<tf.Rank.R1>(count, [1])), [rows]);
  const drawn = drawTokens(logits, own, rules.choice, seen);
  const marks = (): tf.Tensor =>
    tf.equal(tf.reshape(drawn.tokens, [rows, 1]), tf.range(0, logits.shape[1] ?? 0, 1, 'int32'));
  return {
    count: tf.add(count, tf.scalar(1, 'int32')),
    last: drawn.tokens,
    open: tf.logicalAnd(open, tf.logicalNot(isOneOf(drawn.tokens, rules.stops))),
    tokens: writeRow(before.tokens, count, drawn.tokens),
    logProbabilities: writeRow(before.logProbabilities, count, drawn.logProbabilities),
    seen: seen === undefined ? [] : [tf.logicalOr(seen, marks())],
    cache: before.cache,
  };
}

function isOneOf(tokens: tf.Tensor, stops: readonly number[]): tf.Tensor {
  if (stops.length === 0) return tf.zeros(tokens.shape, 'bool');
  return tf.any(tf.equal(tf.expandDims(tokens, 1), tf.tensor2d([[...stops]], [1, stops.length], 'int32')), 1);
}

/** Goes on until no more than `numOpen` answers are open, or all have as many tokens as there may be. */
function writeUntil<Weights>(
  policy: Policy<Weights>,
  rules: RolloutRules,
  weights: Weights,
  from: { readonly state: State; readonly given: Given; readonly time: number; readonly numOpen: number },
): State {
  const { given, time, numOpen } = from;
  const stateOf = (list: readonly tf.Tensor[]): State =>
    unflatten(from.state as Tree<unknown>, list) as unknown as State;
  const listOf = (state: State): tf.Tensor[] => flatten(state as unknown as Tree<tf.Tensor>);
  const list = loop(
    (all) => {
      const { count, open } = stateOf(all);
      const isLong = tf.greater(tf.sum(tf.cast(open, 'int32')), tf.scalar(numOpen, 'int32'));
      return tf.logicalAnd(isLong, tf.less(count, tf.scalar(rules.maxTokens, 'int32')));
    },
    (all) => {
      const state = stateOf(all);
      const row = tf.add<tf.Scalar>(state.count, tf.scalar(time - 1, 'int32'));
      const { logits, cache } = policy.decode(weights, tf.expandDims(state.last, 1), row, state.cache, given.starts);
      return listOf(next(rules, logits, given.uniforms, { ...state, cache }));
    },
    listOf(from.state),
    { name: 'rollout' },
  );
  return stateOf(list);
}

function takeGiven({ starts, uniforms }: Given, rows: tf.Tensor): Given {
  return { starts: tf.gather(starts, rows), uniforms: tf.gather(uniforms, rows, 1) };
}

function takeState(state: State, rows: tf.Tensor): State {
  const ofRows = (all: tf.Tensor): tf.Tensor => tf.gather(all, rows);
  return {
    count: state.count,
    last: ofRows(state.last),
    open: ofRows(state.open),
    tokens: tf.gather(state.tokens, rows, 1),
    logProbabilities: tf.gather(state.logProbabilities, rows, 1),
    seen: state.seen.map(ofRows),
    cache: mapTree<tf.Tensor, tf.Tensor>(state.cache, ofRows) as KeyValueCache,
  };
}

function byAnswer({ tokens, logProbabilities }: State): RolloutOutputs {
  return { tokens: tf.transpose(tokens), logProbabilities: tf.transpose(logProbabilities) };
}

/** The rows of some answers in place of those that they had. */
function putRows(all: RolloutOutputs, some: RolloutOutputs, places: tf.Tensor): RolloutOutputs {
  const put = (before: tf.Tensor, now: tf.Tensor): tf.Tensor =>
    tf.tensorScatterUpdate(before, tf.expandDims<tf.Tensor2D>(places, 1), now);
  return {
    tokens: put(all.tokens, some.tokens),
    logProbabilities: put(all.logProbabilities, some.logProbabilities),
  };
}
