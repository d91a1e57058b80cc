import { TrainbookError } from '../../error.js';

/** What is asked of a mixture, apart from how documents are grouped and drawn. Sizes are in the mixture's unit. */
export interface MixTargets {
  /** The share that each stratum shall have, relative to each other. */
  readonly shares?: Readonly<Record<string, number | undefined>>;
  /** In place of shares: in proportion to size^(1 / temperature). 1, the default: as they are. */
  readonly temperature?: number;
  /** The most that a stratum may have of the whole, 0 to 1. What is cut off goes to the others, in proportion. */
  readonly caps?: Readonly<Record<string, number | undefined>>;
  /** The size of the whole. Absent: as large as the scarcest stratum allows. */
  readonly budget?: number;
  /** How often documents of a stratum, or of any, may be taken. Default: once. */
  readonly epochs?: number | Readonly<Record<string, number | undefined>>;
  /**
   * What to do where a stratum has too little for its share: `error`, the default with a budget, says which and what to do; `shrink`,
   * the default without one, makes the whole smaller, so that the shares are met; `repeat` takes documents as often as it needs.
   */
  readonly whenShort?: 'error' | 'shrink' | 'repeat';
}

/** A group of documents, and the sum of their sizes. */
export interface StratumSize {
  readonly name: string;
  readonly available: number;
}

export interface PlannedStratum extends StratumSize {
  /** Of the whole, 0 to 1, caps held. */
  readonly share: number;
  /** share · total. */
  readonly target: number;
  /** target / available: above 1, documents are repeated. */
  readonly epochs: number;
}

export interface MixPlan {
  readonly strata: readonly PlannedStratum[];
  readonly total: number;
  /** Strata that have too little for the budget, so that the whole had to shrink; empty where it is met. */
  readonly short: readonly string[];
}

/**
 * How much is taken of each stratum. Shares without caps are p ∝ share, or p ∝ size^(1/T) (Conneau and Lample 2019, XLM, 1901.07291;
 * Xue et al. 2021, mT5, 2010.11934, where 1/T is called α, 0.7 and 0.3). A stratum above its cap gets the cap, and the others what is left
 * in proportion to their p, until none is above. The whole is the budget, or the largest for which epochsᵢ · availableᵢ ≥ pᵢ · whole.
 *
 * @throws TrainbookError if nothing can be taken, caps leave a part of the whole to nobody, or a stratum is short and `whenShort` is
 *   `error`.
 * @example
 * planMix([{ name: 'books', available: 600 }, { name: 'encyclopedia', available: 900 }], { caps: { encyclopedia: 0.4 } });
 * // books: share 0.6, all 600; encyclopedia: share 0.4, 400 of 900; total 1000
 */
export function planMix(strata: readonly StratumSize[], targets: MixTargets): MixPlan {
  const { budget, whenShort = budget === undefined ? 'shrink' : 'error' } = targets;
  const planned = capped(askedShares(strata, targets), targets.caps ?? {});
  const limitOf = (name: string): number => epochsOf(targets, name);
  const most = Math.min(...planned.map(({ name, available, share }) => (available * limitOf(name)) / share));
  const total =
    whenShort === 'repeat'
      ? (budget ?? Math.max(...planned.map(({ available, share }) => available / share)))
      : Math.min(budget ?? most, most);
  const short = planned.filter(
    ({ name, available, share }) => budget !== undefined && available * limitOf(name) < share * budget * (1 - 1e-12),
  );
  if (whenShort === 'error' && budget !== undefined) {
    const [first] = short;
    if (first !== undefined) throw tooLittle(first, short, budget, most, limitOf(first.name));
  }
  return {
    total,
    short: whenShort === 'repeat' ? [] : short.map(({ name }) => name),
    strata: planned.map(({ name, available, share }) => {
      const target = share * total;
      return { name, available, share, target, epochs: target / available };
    }),
  };
}

type Asked = StratumSize & { readonly share: number };

function askedShares(strata: readonly StratumSize[], { shares, temperature = 1 }: MixTargets): readonly Asked[] {
  if (!(temperature > 0)) {
    throw new TrainbookError({
      what: 'mix: no such temperature',
      received: temperature,
      expected: 'a number above 0',
      fix: '1 leaves shares as they are; 3 raises those of small strata; Infinity makes all equal',
    });
  }
  const asked = strata.map((stratum) => ({
    ...stratum,
    share: shares === undefined ? stratum.available ** (1 / temperature) : (shares[stratum.name] ?? 0),
  }));
  const total = asked.reduce((sum, { share }) => sum + share, 0);
  if (!(total > 0)) {
    throw new TrainbookError({ what: 'mix: there is nothing to mix', expected: 'documents with text' });
  }
  return asked.flatMap((one) => (one.share > 0 ? [{ ...one, share: one.share / total }] : []));
}

/** Shares that hold the caps: one after the other, strata above their cap are set to it. */
function capped(asked: readonly Asked[], caps: Readonly<Record<string, number | undefined>>): readonly Asked[] {
  const held = new Map<string, number>();
  for (;;) {
    const rest = 1 - [...held.values()].reduce((sum, cap) => sum + cap, 0);
    const free = asked.filter(({ name }) => !held.has(name));
    const weight = free.reduce((sum, { share }) => sum + share, 0);
    const shareOf = ({ name, share }: Asked): number =>
      held.get(name) ?? (held.size === 0 ? share : (share * rest) / weight);
    const above = free.filter((one) => shareOf(one) > (caps[one.name] ?? 1) * (1 + 1e-12));
    if (above.length === 0) {
      if (free.length === 0 && rest > 1e-9) throw nobodys(caps, rest);
      return asked.map((one) => ({ ...one, share: shareOf(one) })).filter(({ share }) => share > 0);
    }
    for (const { name } of above) held.set(name, caps[name] ?? 1);
  }
}

function epochsOf({ epochs = 1 }: MixTargets, name: string): number {
  const limit = typeof epochs === 'number' ? epochs : (epochs[name] ?? 1);
  if (limit > 0) return limit;
  throw new TrainbookError({
    what: 'mix: no such number of epochs',
    received: `${limit} of ${name}`,
    expected: 'a number above 0: how often its documents may be taken',
    fix: 'to leave it out, give it the share 0',
  });
}

function nobodys(caps: Readonly<Record<string, number | undefined>>, rest: number): TrainbookError {
  return new TrainbookError({
    what: 'mix: the caps leave a part of the whole to nobody',
    received: `${JSON.stringify(caps)}, which leaves ${rest.toFixed(3)}`,
    expected: 'caps that sum to 1 or more, or a stratum without a cap',
    fix: 'raise a cap, or give another source',
  });
}

function tooLittle(
  { name, available, share }: Asked,
  short: readonly Asked[],
  budget: number,
  most: number,
  epochs: number,
): TrainbookError {
  const wanted = share * budget;
  const count = (size: number): string => Math.floor(size).toLocaleString('en-US');
  const times = epochs === 1 ? '' : `, at most ${epochs} times,`;
  const others = short.length > 1 ? ` (and ${short.length - 1} more)` : '';
  const reached = (available * epochs) / (budget - wanted + available * epochs);
  return new TrainbookError({
    what: 'mix: a stratum has too little for its share of the budget',
    received: `${name}${others}: ${count(available)}${times} of the ${count(wanted)} that are ${share.toFixed(3)} of ${count(budget)}; its share would be ${reached.toFixed(3)}`,
    expected: `a budget of at most ${count(most)} with these shares`,
    fix: `lower the budget to ${count(most)} (whenShort: 'shrink' does so), allow ${(wanted / available).toFixed(2)} epochs of ${name} (whenShort: 'repeat' takes as many as it needs), or lower its share`,
  });
}
