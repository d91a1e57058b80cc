import type * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { Loss, Objective, PartSums, RowTensors } from '../loss.js';

/** Objectives by name, each with its weight in the loss. */
export type Weighted<Architecture, Weights, Batches> = {
  readonly [Name in keyof Batches]: readonly [
    objective: Objective<Architecture, Weights, Batches[Name]>,
    weight: number,
  ];
};

/**
 * Σ weight · loss of several objectives on one model, each on a batch of its own kind: T5's multi-task mixtures (Raffel 2019, 1910.10683),
 * UL2's of denoisers (Tay 2022, 2205.05131), instructions with some text of pretraining. Each objective is a part of the loss by its name
 * (`text`; `text.zLoss` where it has several), a mean over what counts in its own rows.
 *
 * `mixedLoader` makes the batches: its shares say how much of each kind is seen, these weights how much it counts. In a mean over all
 * tokens of a batch, as in T5, kinds count as their tokens: for that, take the shares for weights.
 *
 * @throws TrainbookError if a weight is not above 0, or there are no objectives.
 * @example
 * const objective = mixture({ text: [causalLanguageModel(), 0.8], labels: [(model) => classification()(model.only('topic')), 0.2] });
 */
export function mixture<Architecture, Weights, Batches extends Readonly<Record<string, unknown>>>(
  objectives: Weighted<Architecture, Weights, Batches>,
): Objective<Architecture, Weights, Batches> {
  const all = Object.entries<readonly [Objective<Architecture, Weights, never>, number]>(
    objectives as Readonly<Record<string, readonly [Objective<Architecture, Weights, never>, number]>>,
  );
  for (const [name, [, weight]] of all) checkWeight(name, weight);
  if (all.length === 0) {
    throw new TrainbookError({ what: 'mixture: there are no objectives', received: '{}', expected: 'at least one' });
  }
  return (architecture) => {
    const losses = all.map(([name, [objective, weight]]) => ({ name, weight, loss: objective(architecture) }));
    const units = new Set(losses.map(({ loss }) => loss.unit));
    const [unit = 'rows'] = units;
    /** What each loss gives, under the names of its parts. */
    const parts = (
      of: (loss: Loss<Weights, never>, batch: RowTensors, name: string) => PartSums,
      batch: RowTensors,
    ): PartSums =>
      Object.assign(
        {},
        ...losses.map(({ name, loss }) => renamed(name, loss, of(loss, tensorsOf(batch, name), name))),
      ) as PartSums;
    return {
      shares: Object.fromEntries(
        losses.flatMap(({ name, weight, loss }) =>
          Object.entries(loss.shares).map(([part, share]) => [partName(name, part, loss), weight * share]),
        ),
      ),
      watched: losses.flatMap(({ name, loss }) => (loss.watched ?? []).map((one) => partName(name, one, loss))),
      unit: units.size === 1 ? unit : 'units',
      size: (batch) => losses.reduce((sum, { name, loss }) => sum + loss.size(batch[name] as never), 0),
      rowsTogether: losses.some(({ loss }) => loss.rowsTogether === true),
      tensors: (batch) =>
        Object.fromEntries(
          losses.flatMap(({ name, loss }) =>
            Object.entries(loss.tensors(batch[name] as never)).map(([key, tensor]): [string, tf.Tensor] => [
              `${name}/${key}`,
              tensor,
            ]),
          ),
        ),
      counts: (batch) => parts((loss, own) => loss.counts(own), batch),
      sums: (weights, batch, { whole, ...computing } = {}) =>
        parts(
          (loss, own, name) =>
            loss.sums(weights, own, { ...computing, whole: whole && (tensorsOf(whole, name) as PartSums) }),
          batch,
        ),
      ...wholeOf(losses),
    };
  };
}

/** What the losses need of the whole batch, under names such as `judged/divergence`. */
function wholeOf<Weights>(
  losses: readonly { readonly name: string; readonly loss: Loss<Weights, never> }[],
): Pick<Loss<Weights, never>, 'whole'> {
  const asking = losses.flatMap(({ name, loss: { whole } }) => (whole === undefined ? [] : [{ name, whole }]));
  if (asking.length === 0) return {};
  const named = (name: string, one: string): string => `${name}/${one}`;
  return {
    whole: {
      names: asking.flatMap(({ name, whole }) => whole.names.map((one) => named(name, one))),
      sums: (weights, batch, computing) =>
        Object.fromEntries(
          asking.flatMap(({ name, whole }) =>
            Object.entries(whole.sums(weights, tensorsOf(batch, name), computing)).map(
              ([one, sum]): [string, tf.Scalar] => [named(name, one), sum],
            ),
          ),
        ),
    },
  };
}

/** The part of an objective that has one is called by the objective's name. */
function partName(name: string, part: string, { shares }: Pick<Loss<never, never>, 'shares'>): string {
  return part in shares && Object.keys(shares).length === 1 ? name : `${name}.${part}`;
}

function renamed(name: string, loss: Pick<Loss<never, never>, 'shares'>, sums: PartSums): PartSums {
  return Object.fromEntries(Object.entries(sums).map(([part, sum]) => [partName(name, part, loss), sum]));
}

/** The tensors of one objective's batch, by the names that it gave them. */
function tensorsOf(batch: RowTensors, name: string): RowTensors {
  const start = `${name}/`;
  return Object.fromEntries(
    Object.entries(batch).flatMap(([key, tensor]) =>
      key.startsWith(start) ? [[key.slice(start.length), tensor] as const] : [],
    ),
  );
}

function checkWeight(name: string, weight: number): void {
  const nameFits = name !== '' && !name.includes('/');
  if (nameFits && weight > 0 && Number.isFinite(weight)) return;
  throw new TrainbookError({
    what: nameFits ? `mixture: no such weight of ${name}` : 'mixture: no such name of an objective',
    received: nameFits ? weight : name,
    expected: nameFits ? 'a number above 0' : 'a name without /',
  });
}
