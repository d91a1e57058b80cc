import * as tf from '@tensorflow/tfjs';
import type { Group } from '../../engine/group.js';
import { fold, permutation, uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Loader } from '../../tokens/loader.js';

/** The clients of all processes: process 0 has the first numbers, and so on. */
export interface Clients {
  readonly count: number;
  /** The number of this process's first client. */
  readonly first: number;
  /** Rows of all clients. */
  readonly numRows: number;
  /** Σ of the clients' weights. */
  readonly weight: number;
}

/**
 * Counts the clients of a group: numbers of clients and sums over the clients of a process are all that is told to the others.
 *
 * @throws TrainbookError if there is none.
 */
export async function countClients(
  own: readonly { readonly numRows: number; readonly weight: number }[],
  group: Group | undefined,
): Promise<Clients> {
  const sum = (of: (client: (typeof own)[number]) => number): number => own.reduce((total, one) => total + of(one), 0);
  const told = tf.tensor2d([[own.length, sum(({ numRows }) => numRows), sum(({ weight }) => weight)]]);
  const [all] = group === undefined ? [told] : await group.allGather([told]);
  const numbers = Array.from((await all?.data()) ?? []);
  tf.dispose([told, ...(all ? [all] : [])]);
  const column = (index: number): number[] => numbers.filter((_, place) => place % 3 === index);
  const total = (index: number): number => column(index).reduce((a, b) => a + b, 0);
  const first = column(0)
    .slice(0, group?.index ?? 0)
    .reduce((a, b) => a + b, 0);
  const clients = { count: total(0), first, numRows: total(1), weight: total(2) };
  if (clients.count > 0) return clients;
  throw new TrainbookError({
    what: 'federate: there are no clients',
    received: `none in ${group?.size ?? 1} ${group === undefined || group.size === 1 ? 'process' : 'processes'}`,
    expected: 'at least one',
    fix: 'give clients: of each, what makes a loader of its rows',
  });
}

/** max(1, round(C · K)) of K clients, without repetition: McMahan 2016 (1602.05629), algorithm 1. */
export function chooseClients(key: Key, count: number, fraction: number): Set<number> {
  const chosen = Math.max(1, Math.round(fraction * count));
  return new Set(permutation(key, count).subarray(0, chosen));
}

/** Each of K clients with chance q, independently: as few as none. What an account of privacy by sampling assumes. */
export function sampleClients(key: Key, count: number, rate: number): Set<number> {
  const numbers = uniformNumbers(key, count);
  return new Set(Array.from(numbers.keys()).filter((index) => (numbers[index] ?? 1) < rate));
}

/** Steps in which a client sees its rows so many times. */
export function localSteps({ numRows, endsBatches }: Loader<unknown>, batchSize: number, epochs: number): number {
  return endsBatches === true
    ? epochs * Math.ceil(numRows / batchSize)
    : Math.max(1, Math.ceil((epochs * numRows) / batchSize));
}

/** The key by which the clients of a round are drawn. */
export function clientsKey(key: Key, round: number): Key {
  return fold(fold(key, 'clients'), round);
}
