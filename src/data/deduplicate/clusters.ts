/**
 * Union-find (Tarjan 1975): joins numbers 0 … count − 1 into clusters. Which clusters come out depends only on which pairs
 * were joined, not on their order.
 */
export class Clusters {
  private readonly parents: Uint32Array;

  constructor(count: number) {
    this.parents = Uint32Array.from({ length: count }, (_, index) => index);
  }

  /** The number that stands for the cluster of `index`. */
  find(index: number): number {
    let at = index;
    for (;;) {
      const parent = this.parents[at] ?? at;
      if (parent === at) return at;
      // Halve the path as it is walked.
      this.parents[at] = this.parents[parent] ?? parent;
      at = parent;
    }
  }

  join(a: number, b: number): void {
    const [low, high] = [this.find(a), this.find(b)].sort((left, right) => left - right);
    if (low !== undefined && high !== undefined) this.parents[high] = low;
  }

  /** The members of each cluster, in order. */
  groups(): readonly (readonly number[])[] {
    const groups = new Map<number, number[]>();
    for (let index = 0; index < this.parents.length; index++) {
      const root = this.find(index);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [index]);
      else group.push(index);
    }
    return [...groups.values()];
  }
}
