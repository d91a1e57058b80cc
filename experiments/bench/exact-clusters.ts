/** Words as deduplication counts them: without case and punctuation, Han and Kana by character. */
export function wordsOf(text: string): readonly string[] {
  return (
    text
      .toLowerCase()
      .match(
        /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{N}\p{M}])+/gu,
      ) ?? []
  );
}

/**
 * The truth that deduplication is held to, in the plainest way: all pairs of texts whose sets of 5-word shingles, as strings, have a Jaccard similarity of
 * `threshold` or more, joined to clusters. Texts by number; clusters of one are left out.
 */
export function exactClusters(texts: readonly string[], threshold: number): readonly (readonly number[])[] {
  const holders = new Map<string, number[]>();
  const sizes = texts.map((text, index) => {
    const words = wordsOf(text);
    const width = Math.min(5, words.length);
    const set = new Set(
      width === 0 ? [] : words.slice(width - 1).map((_, start) => words.slice(start, start + width).join(' ')),
    );
    for (const shingle of set) {
      const known = holders.get(shingle);
      if (known === undefined) holders.set(shingle, [index]);
      else known.push(index);
    }
    return set.size;
  });
  const shared = new Map<number, number>();
  for (const list of holders.values()) {
    list.forEach((a, at) => {
      for (const b of list.slice(at + 1)) shared.set(a * texts.length + b, (shared.get(a * texts.length + b) ?? 0) + 1);
    });
  }
  const pairs = [...shared].flatMap(([pair, count]): (readonly [number, number])[] => {
    const [a, b] = [Math.floor(pair / texts.length), pair % texts.length];
    return count / ((sizes[a] ?? 0) + (sizes[b] ?? 0) - count) >= threshold ? [[a, b]] : [];
  });
  return joined(pairs);
}

/** Clusters from pairs; those of one are left out. */
export function joined(pairs: readonly (readonly [number, number])[]): readonly (readonly number[])[] {
  const clusters = new Map<number, Set<number>>();
  for (const [a, b] of pairs) {
    const [left, right] = [clusters.get(a) ?? new Set([a]), clusters.get(b) ?? new Set([b])];
    if (left === right) continue;
    for (const member of right) left.add(member);
    for (const member of left) clusters.set(member, left);
  }
  return [...new Set(clusters.values())].map((cluster) => [...cluster].sort((a, b) => a - b));
}

export interface Agreement {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** Pairs in one cluster, against pairs in one cluster of the truth. */
export function agreement(found: readonly (readonly number[])[], truth: readonly (readonly number[])[]): Agreement {
  const [left, right] = [pairsOf(found), pairsOf(truth)];
  const both = [...left].filter((pair) => right.has(pair)).length;
  const precision = left.size === 0 ? 1 : both / left.size;
  const recall = right.size === 0 ? 1 : both / right.size;
  return { precision, recall, f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

function pairsOf(clusters: readonly (readonly number[])[]): ReadonlySet<string> {
  return new Set(
    clusters.flatMap((cluster) => cluster.flatMap((a, at) => cluster.slice(at + 1).map((b) => `${a} ${b}`))),
  );
}
