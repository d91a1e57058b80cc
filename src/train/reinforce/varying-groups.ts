/** What is left of a batch of groups, and what was dropped from it. */
export interface VaryingGroups<Group> {
  readonly kept: readonly Group[];
  readonly numDropped: number;
  /** By the reward that all answers of a group had: how many such groups. With rewards of 0 and 1: too hard, and learned. */
  readonly droppedAt: ReadonlyMap<number, number>;
}

/**
 * Dynamic sampling: groups whose answers all earned the same are dropped, since their advantages are 0: they make the gradient smaller
 * and teach nothing. New questions are drawn until a batch is full. Yu 2025, DAPO (2503.14476), section 3.2.
 *
 * @example
 * const { kept, numDropped, droppedAt } = varyingGroups(groups, ({ rewards }) => rewards); // droppedAt: Map { 0 → 5, 1 → 2 }
 */
export function varyingGroups<Group>(
  groups: readonly Group[],
  rewardsOf: (group: Group) => readonly number[],
): VaryingGroups<Group> {
  const droppedAt = new Map<number, number>();
  const kept = groups.filter((group) => {
    const [first, ...others] = rewardsOf(group);
    if (first === undefined) throw new Error('internal: a group without answers');
    if (others.some((reward) => reward !== first)) return true;
    droppedAt.set(first, (droppedAt.get(first) ?? 0) + 1);
    return false;
  });
  return { kept, numDropped: groups.length - kept.length, droppedAt };
}
