/** Softmax regression on hashed words: small enough to be fitted hundreds of times in a benchmark. */

/** A text as a sparse vector of length 1: buckets of the hashes of its words, and ln(1 + count) in each, scaled. */
export interface Words {
  readonly buckets: Int32Array;
  readonly values: Float64Array;
}

export interface Example extends Words {
  readonly label: number;
}

export interface SoftmaxOptions {
  readonly buckets: number;
  readonly penalty: number;
  readonly steps: number;
  readonly rate: number;
}

/** Words in lower case, hashed by FNV-1a. */
export function bagOfWords(text: string, numBuckets: number): Words {
  const counts = new Map<number, number>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu)) {
    let hash = 0x811c9dc5;
    for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
    const bucket = (hash >>> 0) % numBuckets;
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const raw = [...counts.values()].map((count) => Math.log1p(count));
  const length = Math.hypot(...raw) || 1;
  return { buckets: Int32Array.from(counts.keys()), values: Float64Array.from(raw, (value) => value / length) };
}

/** Weights [classes, buckets + 1], the last a bias, by gradient descent on the mean cross-entropy with an L2 penalty. */
export function fitSoftmax(examples: readonly Example[], numClasses: number, options: SoftmaxOptions): Float64Array {
  const { buckets, penalty, steps, rate } = options;
  const width = buckets + 1;
  const weights = new Float64Array(numClasses * width);
  const gradient = new Float64Array(numClasses * width);
  for (let step = 0; step < steps; step++) {
    for (let at = 0; at < weights.length; at++) gradient[at] = penalty * (weights[at] ?? 0);
    for (const example of examples) {
      const scores = scoresOf(weights, example, numClasses, width);
      const most = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - most));
      const sum = powers.reduce((total, power) => total + power, 0);
      powers.forEach((power, own) => {
        const error = (power / sum - Number(own === example.label)) / examples.length;
        example.buckets.forEach((bucket, at) => {
          gradient[own * width + bucket] = (gradient[own * width + bucket] ?? 0) + error * (example.values[at] ?? 0);
        });
        gradient[own * width + buckets] = (gradient[own * width + buckets] ?? 0) + error * 0.1;
      });
    }
    for (let at = 0; at < weights.length; at++) weights[at] = (weights[at] ?? 0) - rate * (gradient[at] ?? 0);
  }
  return weights;
}

/** The share of examples whose class has the highest score. */
export function shareRight(weights: Float64Array, examples: readonly Example[], numClasses: number): number {
  const width = weights.length / numClasses;
  const right = examples.filter((example) => {
    const scores = scoresOf(weights, example, numClasses, width);
    return scores.indexOf(Math.max(...scores)) === example.label;
  });
  return right.length / examples.length;
}

function scoresOf(weights: Float64Array, { buckets, values }: Words, numClasses: number, width: number): number[] {
  return Array.from({ length: numClasses }, (_, own) => {
    let score = 0.1 * (weights[own * width + width - 1] ?? 0);
    for (let at = 0; at < buckets.length; at++) {
      score += (weights[own * width + (buckets[at] ?? 0)] ?? 0) * (values[at] ?? 0);
    }
    return score;
  });
}
