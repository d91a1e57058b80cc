import { TrainbookError } from '../../error.js';
import { deviation, groupAdvantages, mean } from './group-advantages.js';

// Legend: rewards[name][g][i] is what answer i to question g earned of the reward `name`.

/** The rewards of the same groups, of several kinds. */
export type RewardsByName<Name extends string> = Readonly<Record<Name, readonly (readonly number[])[]>>;

/** How much each kind counts. */
export type RewardWeights<Name extends string> = Readonly<Record<Name, number>>;

/**
 * r = Σ_k w_k r_k for each answer: one reward of several. A kind of large spread drowns the others: see `decoupledAdvantages`.
 *
 * @throws TrainbookError if the kinds do not have the same groups.
 * @example
 * const advantages = groupAdvantages(weighRewards({ correct, format }, { correct: 1, format: 0.2 }));
 */
export function weighRewards<Name extends string>(
  rewards: RewardsByName<Name>,
  weights: RewardWeights<NoInfer<Name>>,
): number[][] {
  const names = Object.keys(rewards) as Name[];
  const [first] = names;
  if (first === undefined) return [];
  requireSameGroups(rewards, first);
  return rewards[first].map((group, g) =>
    group.map((_, i) => names.reduce((sum, name) => sum + weights[name] * (rewards[name][g]?.[i] ?? NaN), 0)),
  );
}

/**
 * Each kind is normalised within its groups, then weighed and added, then normalised over the batch: A = z(Σ_k w_k A_k) with A_k = (r_k −
 * mean) / (std + ε) by group and z(x) = (x − mean) / (std + ε) over all answers. So two kinds count as their weights say, whatever their
 * spread, and rewards (1, 0) and (0, 1) stay apart. Liu 2026, GDPO (2601.05242), section 3. The rewards of all processes must be here.
 *
 * @throws TrainbookError if the kinds do not have the same groups, or a group fewer than two answers.
 * @example
 * const advantages = decoupledAdvantages({ correct, format }, { correct: 1, format: 0.2 });
 */
export function decoupledAdvantages<Name extends string>(
  rewards: RewardsByName<Name>,
  weights: RewardWeights<NoInfer<Name>>,
  { epsilon = 1e-4 }: { readonly epsilon?: number } = {},
): number[][] {
  const names = Object.keys(rewards) as Name[];
  const normalised = Object.fromEntries(names.map((name) => [name, groupAdvantages(rewards[name], { epsilon })]));
  const sums = weighRewards(normalised as unknown as RewardsByName<Name>, weights);
  const all = sums.flat();
  if (all.length === 0) return sums;
  const [centre, spread] = [mean(all), deviation(all)];
  return sums.map((group) => group.map((sum) => (sum - centre) / (spread + epsilon)));
}

function requireSameGroups<Name extends string>(rewards: RewardsByName<Name>, first: Name): void {
  const sizes = (name: Name): string => rewards[name].map(({ length }) => length).join(', ');
  for (const name of Object.keys(rewards) as Name[]) {
    if (sizes(name) === sizes(first)) continue;
    throw new TrainbookError({
      what: `weighRewards: ${name} and ${first} are not rewards of the same groups`,
      received: `groups of [${sizes(name)}] answers`,
      expected: `groups of [${sizes(first)}] answers, as ${first} has`,
      fix: 'score every answer by every reward',
    });
  }
}
