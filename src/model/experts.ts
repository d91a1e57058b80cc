import * as tf from '@tensorflow/tfjs';
import { blocksBeyond, combine, dispatch, placeAssignments, slotsFrom } from './dispatch.js';
import { throughBlocks, throughExperts } from './expert-products.js';
import type { ExpertsConfig } from './experts-options.js';
import { chooseExperts } from './gating.js';
import type { Choice, Routing } from './gating.js';
import { linear } from './linear.js';
import type { Linear } from './linear.js';
import { swiglu } from './mlp.js';
import { chargeBias } from './router-bias.js';

// Legend: tokens = batch × time; E = experts, k = experts of a token, C = room of each expert, in tokens.

/** The matrices of a block's experts, by name: the router, the experts' SwiGLU [E, …] each, and the shared expert's. */
export type ExpertsWeights = Readonly<Record<string, Linear>>;

/** A mixture of experts: functions, chosen once. */
export interface Experts {
  readonly config: ExpertsConfig;
  /** The shape of each matrix; those named `expertDown` and `sharedDown` end in the residual stream. */
  shapes(width: number): Readonly<Record<string, readonly number[]>>;
  /** [batch, time, width] → the same; with `all`, no token is dropped whatever the capacity. */
  forward(weights: ExpertsWeights, x: tf.Tensor, options?: { readonly all?: boolean }): Routed;
}

/** What experts make of their tokens, and how these were routed. */
export interface Routed {
  readonly y: tf.Tensor; // [batch, time, width]
  readonly routing: Routing;
}

/**
 * y = Σ gᵢ · SwiGLUᵢ(x) over the k experts that a token's router chooses, and what a shared expert adds: Shazeer 2017 (1701.06538);
 * Mixtral: Jiang 2024 (2401.04088); DeepSeekMoE: Dai 2024 (2401.06066).
 *
 * Only the experts' own tokens are multiplied: they are gathered by expert into E × C rows, of which one batch of products is made, and
 * the results are gathered back. With a capacity C = capacity · k · tokens / E, and what is beyond it is dropped. Without one C is an even
 * share, and what is beyond goes through blocks of a quarter share, each of one expert, as many as are needed: none is dropped, and a
 * mixture that is out of balance costs little more than one in balance. A few tokens, as in generation, multiply copies of their own experts'
 * matrices.
 *
 * @example
 * const { y, routing } = experts(config).forward(weights, x);
 */
export function experts(config: ExpertsConfig): Experts {
  const { number, active, hidden, shared, balancedBy, capacity } = config;
  return {
    config,
    shapes: (width) => ({
      router: [width, number],
      expertGate: [number, width, hidden],
      expertUp: [number, width, hidden],
      expertDown: [number, hidden, width],
      ...(shared && {
        sharedGate: [width, shared.hidden],
        sharedUp: [width, shared.hidden],
        sharedDown: [shared.hidden, width],
      }),
      ...(shared?.gated === true && { sharedOpening: [width, 1] }),
    }),
    forward: (weights, x, { all = false } = {}) => {
      const width = x.shape.at(-1) ?? 0;
      const rows = tf.reshape<tf.Rank.R2>(x, [-1, width]);
      const tokens = rows.shape[0];
      const router = named(weights, 'router');
      const chosen = chooseExperts(config, router, rows);
      const choice =
        balancedBy === 'bias' && router.bias !== undefined
          ? { ...chosen, gates: chargeBias(chosen.gates, router.bias, chosen.experts) }
          : chosen;
      const matrices = ['expertGate', 'expertUp', 'expertDown'].map((name) => named(weights, name).weight);
      const share = (tokens * active) / number;
      const { y, dropped } =
        3 * tokens * active <= number
          ? ofCopies(matrices, rows, choice)
          : capacity !== undefined && !all
            ? withinCapacity(matrices, rows, choice, Math.min(tokens, Math.ceil(capacity * share)))
            : dropless(matrices, rows, choice, share);
      const sum = shared === undefined ? y : tf.add(y, sharedExpert(weights, rows));
      const { logits, probabilities, experts: own } = choice;
      return { y: tf.reshape(sum, x.shape), routing: { logits, probabilities, experts: own, dropped } };
    },
  };
}

function named(weights: ExpertsWeights, name: string): Linear {
  const found = weights[name];
  if (found === undefined) throw new Error(`internal: experts have no ${name}`);
  return found;
}

/** The MLP that all tokens go through. */
function sharedExpert(weights: ExpertsWeights, rows: tf.Tensor): tf.Tensor {
  const [gate, up, down] = ['sharedGate', 'sharedUp', 'sharedDown'].map((name) => named(weights, name));
  if (gate === undefined || up === undefined || down === undefined) throw new Error('internal: no shared expert');
  const y = swiglu.forward({ gate, up, down }, rows);
  const opening = weights['sharedOpening'];
  return opening === undefined ? y : tf.mul(y, tf.sigmoid(linear(opening, rows)));
}

interface Summed {
  readonly y: tf.Tensor; // [tokens, width]
  readonly dropped: tf.Tensor; // [tokens, k]
}

/** Tokens beyond an expert's room go without it. */
function withinCapacity(matrices: readonly tf.Tensor[], x: tf.Tensor, choice: Choice, room: number): Summed {
  const slots = slotsFrom(placeAssignments(choice.experts, numberOf(matrices)), room);
  return {
    y: combine(throughExperts(matrices, dispatch(x, slots)), choice.gates, slots),
    dropped: tf.transpose(tf.sub(1, slots.kept)),
  };
}

/** Tokens beyond an even share go through blocks. */
function dropless(matrices: readonly tf.Tensor[], x: tf.Tensor, choice: Choice, share: number): Summed {
  const [tokens, width] = x.shape as [number, number];
  const room = Math.min(tokens, wholeRows(share));
  if (room === tokens) return withinCapacity(matrices, x, choice, room); // of which nothing can be dropped
  const placed = placeAssignments(choice.experts, numberOf(matrices));
  const blocks = blocksBeyond(placed, room, Math.min(tokens - room, wholeRows(share / 4)), tokens);
  const slots = slotsFrom(placed, room, blocks);
  const numBlocks = blocks.owners.size;
  const [inRooms, beyond] = tf.split(dispatch(x, slots), [numberOf(matrices) * room, numBlocks * blocks.rows]) as [
    tf.Tensor,
    tf.Tensor,
  ];
  const inBlocks = throughBlocks(matrices, tf.reshape(beyond, [numBlocks, blocks.rows, width]), blocks);
  const ys = tf.concat([throughExperts(inBlocks.matrices, inRooms), tf.reshape(inBlocks.ys, beyond.shape)]);
  return { y: combine(ys, choice.gates, slots), dropped: tf.zerosLike(choice.gates) };
}

const numberOf = (matrices: readonly tf.Tensor[]): number => matrices[0]?.shape[0] ?? 0;

/** Rows for products, in steps that suit vector units. */
const wholeRows = (rows: number): number => Math.ceil(rows / 8) * 8;

/** Each assignment with its own copy of an expert's matrices: where tokens are few, reading these is the time that it takes. */
function ofCopies(matrices: readonly tf.Tensor[], x: tf.Tensor, { experts: chosen, gates }: Choice): Summed {
  const [tokens, active] = chosen.shape as [number, number];
  const flat = tf.reshape<tf.Rank.R1>(chosen, [tokens * active]);
  const own = matrices.map((matrix) => tf.gather(matrix, flat)); // [tokens × k, …]
  const width = x.shape[1] ?? 0;
  const xs = tf.reshape(tf.tile(tf.expandDims(x, 1), [1, active, 1]), [tokens * active, width]);
  const ys = tf.reshape(throughExperts(own, xs), [tokens, active, width]);
  return { y: tf.sum(tf.mul(ys, tf.expandDims(gates, 2)), 1), dropped: tf.zerosLike(gates) };
}
