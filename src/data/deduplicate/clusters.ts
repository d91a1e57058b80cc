/**
 * Union-find (Tarjan 1975): joins whole numbers into clusters; only numbers that were joined take memory. Which clusters come out
 * depends only on which pairs were joined, not on their order.
 */
export class Clusters {
  /** A number nearer to the one that stands for its cluster; the one that stands for it, its smallest, has none. */
  private readonly parents = new Map<number, number>();

  /** The number that stands for the cluster of `member`: the smallest there. */
  find(member: number): number {
    let at = member;
    for (;;) {
      const parent = this.parents.get(at);
      if (parent === undefined) return at;
      const above = this.parents.get(parent);
      if (above === undefined) return parent;
      // Halve the path as it is walked.
      this.parents.set(at, above);
      at = above;
    }
  }

  /** Whether they were in two clusters until now. */
  join(a: number, b: number): boolean {
    const [left, right] = [this.find(a), this.find(b)];
    if (left === right) return false;
    this.parents.set(Math.max(left, right), Math.min(left, right));
    return true;
  }

  /** The members of each cluster of two or more, in order. */
  groups(): readonly (readonly number[])[] {
    const groups = new Map<number, number[]>();
    for (const member of [...this.parents.keys()].sort((a, b) => a - b)) {
      const root = this.find(member);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [root, member]);
      else group.push(member);
    }
    return [...groups.values()].sort(([a = 0], [b = 0]) => a - b);
  }
}
