import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { PrivacySpent } from '../../data/privacy/renyi-account.js';
import { fold } from '../../engine/key.js';
import { flatten, unflatten } from '../../engine/tree.js';
import { parseOptions } from '../../model/parse-options.js';
import { addProximal } from '../optimizers/add-proximal.js';
import { chain, zerosLike, zipTrees } from '../optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../optimizers/optimizer.js';
import { sgd } from '../optimizers/sgd.js';
import { startLocalTraining } from '../outer/local-training.js';
import { roundKey, summedOver, trainInRounds } from '../outer/train-in-rounds.js';
import type { RoundFound, RoundOptions } from '../outer/train-in-rounds.js';
import type { Trainable } from '../train.js';
import { clientPrivacyOptions, clipped, privateWeight, spentBy, withNoise } from './client-privacy.js';
import type { ClientPrivacy } from './client-privacy.js';
import { chooseClients, clientsKey, countClients, localSteps, sampleClients } from './federated-clients.js';
import type { Rows } from './meta-learning.js';

/** What federated averaging takes. */
export interface FederatedOptions<Architecture, Weights, B> extends RoundOptions<Architecture, Weights, B> {
  /** Of each client of this process, what makes a loader of its rows. In a group every process has its own. */
  readonly clients: readonly Rows<B>[];
  /** C: the part of all clients that takes part in a round; at least one does. With `privacy` each does with this chance. Default: 1. */
  readonly fraction?: number;
  /** E: times that a client sees its rows in a round. Default: 1. */
  readonly localEpochs?: number;
  /** Rows of a client's step. */
  readonly batchSize: number;
  /** The clients' optimizer; it begins anew in every round. */
  readonly optimizer: Optimizer;
  /** FedProx's μ: how strongly a client is held to the weights that it was sent. Default: 0, FedAvg. */
  readonly proximal?: number;
  /** What the server makes of the clients' mean change. Default: it goes there, `sgd({ learningRate: 1 })`. Others: Reddi 2020 (2003.00295). */
  readonly server?: Optimizer;
  /** Clips and adds noise. Default: nothing is protected. */
  readonly privacy?: ClientPrivacy;
}

/** A model that clients trained together, and what it shows of each of them. */
export interface Federated<M> {
  readonly model: M;
  /** ε is infinite without `privacy`. */
  readonly privacy: PrivacySpent;
}

const numbersSchema = z.object({
  rounds: z.int().positive(),
  fraction: z.number().positive().max(1),
  localEpochs: z.int().positive(),
  batchSize: z.int().positive(),
  proximal: z.number().nonnegative(),
  privacy: clientPrivacyOptions.optional(),
});

/**
 * Federated averaging: each round some clients train on their own rows from the weights of the moment w, and the server takes the mean of
 * theirs, weighed by rows:
 *
 *   w ← Σₖ nₖ wₖ / Σₖ nₖ                                     FedAvg: McMahan 2016 (1602.05629), algorithm 1
 *   client k minimises Lₖ(v) + μ/2 ‖v − w‖²                  FedProx: Li 2018 (1812.06127), with `proximal` μ
 *   w ← w + (Σₖ uₖ Δₖ min(1, S/‖Δₖ‖) + N(0, z²S²)) / (q U)   DP-FedAvg: McMahan 2017 (1710.06963), with `privacy`
 *
 * In the last, Δₖ = wₖ − w, uₖ = min(nₖ / rowCap, 1) or 1, U = Σ uₖ over all clients, and each client takes part with chance q.
 *
 * In a `group` every process has the clients that it is given, and rows stay there: what leaves a process each round are sums over its
 * clients of (weighed) changes of weights, of losses and of rows, and once the numbers of its clients and rows.
 *
 * What is protected, and what is not:
 * - Without `privacy` nothing is: changes of weights, and the model, may show single rows.
 * - With it, who sees *the weights of every round and the result* learns little of any one client: whether it took part, with all its rows,
 *   changes the chance of any outcome by at most e^ε, but for δ (`privacy` of the result; `epsilon` in the metrics, round by round).
 * - Not protected from the processes themselves: each sees the sum of the clients' changes before the noise (there is no secure aggregation),
 *   and its own clients' changes. Nor from who sees the metrics: `loss`, `clients` and `clipped` are of the clients, without noise. The
 *   number of clients, and with `rowCap` Σ uₖ, are taken as public; rows of one client are not protected from each other.
 * - **The key must be secret, drawn at random, and used once**, as of `selectPrivately`: who knows it can take the noise off. Noise is of
 *   numbers in single precision, and none is beyond 6.8 deviations.
 *
 * @throws TrainbookError if a number is out of range or there are no clients, or as `train`.
 * @example
 * const { model, privacy } = await federate(start, {
 *   objective: regression(),
 *   clients: hospitals.map(({ rows, targets }) => (options) => tableLoader(rows, targets, options)),
 *   rounds: 20,
 *   fraction: 0.5,
 *   batchSize: 10,
 *   optimizer: sgd({ learningRate: 0.05 }),
 *   privacy: { clipNorm: 0.5, noiseMultiplier: 1, delta: 1e-3 },
 *   key: key(randomInt(2 ** 47)),
 * });
 */
export async function federate<Architecture, Weights, B, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: FederatedOptions<Architecture, Weights, B>,
): Promise<Federated<M>> {
  const { objective, clients, key, group, target, precision, rounds, privacy } = options;
  const { batchSize, fraction = 1, localEpochs = 1, proximal = 0, server = sgd({ learningRate: 1 }) } = options;
  const numbers = { rounds, fraction, localEpochs, batchSize, proximal, privacy };
  parseOptions('federate', numbersSchema, numbers, 'FederatedOptions');
  const own = clients.map((rows) => {
    const { numRows } = rows({ batchSize, key });
    return { rows, numRows, weight: privacy === undefined ? numRows : privateWeight(privacy, numRows) };
  });
  const all = await countClients(own, group);
  const loss = objective(model.architecture);
  const { weights } = model;
  const local = startLocalTraining(loss, {
    weights,
    optimizer: proximal === 0 ? options.optimizer : chain(addProximal(proximal), options.optimizer),
    target,
    precision,
    dropoutKey: fold(key, 'dropout'),
  });

  /** The change that a client makes, from the weights that it is sent to its own; minus it, as a gradient is. */
  const changeOf = async ({ rows }: (typeof own)[number], from: Weights, round: number, index: number) => {
    const ofClient = roundKey(key, 'client', round, index);
    const batches = rows({ batchSize, key: fold(ofClient, 'order') });
    const steps = localSteps(batches, batchSize, localEpochs);
    const learned = await local.run({ from, batches, steps, key: ofClient });
    const change = zipTrees((sent, own) => tf.sub(sent, own), from as Tensors, learned.weights as Tensors);
    tf.dispose(learned.weights as tf.TensorContainer);
    if (privacy === undefined) return { change, cut: false, loss: learned.loss };
    const short = await clipped(change, privacy.clipNorm);
    tf.dispose(change as tf.TensorContainer);
    return { ...short, loss: learned.loss };
  };

  const find = async (from: Weights, round: number): Promise<RoundFound> => {
    const draw = privacy === undefined ? chooseClients : sampleClients;
    const taking = draw(clientsKey(key, round), all.count, fraction);
    let sum = zerosLike(weights as Tensors);
    const told = { weight: 0, loss: 0, cut: 0 };
    for (const [place, client] of own.entries()) {
      if (!taking.has(all.first + place)) continue;
      const { change, cut, loss: nats } = await changeOf(client, from, round, all.first + place);
      const before = sum;
      sum = zipTrees((a, b) => tf.tidy(() => tf.add(a, tf.mul(b, client.weight))), before, change);
      tf.dispose([before, change] as tf.TensorContainer);
      told.weight += client.weight;
      told.loss += client.weight * nats;
      told.cut += cut ? 1 : 0;
    }
    const [numbers, ...leaves] = await summedOver(group, [
      tf.tensor1d([told.weight, told.loss, told.cut]),
      ...flatten(sum),
    ]);
    const [weight = NaN, losses = NaN, cut = NaN] = (await numbers?.data()) ?? [];
    const total = unflatten(weights as Tensors, leaves);
    const noisy = privacy === undefined ? total : withNoise(total, privacy, fold(fold(key, 'noise'), round));
    const divisor = privacy === undefined ? weight : fraction * all.weight;
    const gradient = zipTrees((leaf) => tf.div(leaf, divisor), noisy);
    tf.dispose([numbers, total, noisy] as tf.TensorContainer);
    const { epsilon } = spentBy(privacy, fraction, round);
    return {
      gradient,
      loss: taking.size === 0 ? 0 : losses / weight,
      watched: {
        clients: taking.size,
        ...(privacy && { clipped: taking.size === 0 ? 0 : cut / taking.size }),
        ...(Number.isFinite(epsilon) && { epsilon }),
      },
    };
  };

  try {
    const trained = await trainInRounds(model, options, {
      name: 'federate',
      loss,
      optimizer: server,
      unit: 'clients',
      size: Math.max(1, fraction * all.count),
      identity: JSON.parse(
        JSON.stringify({ ...numbers, clients: all.count, rows: all.numRows, optimizer: options.optimizer.scalars(1) }),
      ) as never,
      find,
    });
    return { model: trained, privacy: spentBy(privacy, fraction, rounds) };
  } finally {
    local.dispose();
  }
}
