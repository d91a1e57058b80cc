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

/** Weights [buckets + 1, classes], the last row a bias, by gradient descent on the mean cross-entropy with an L2 penalty. */
export function fitSoftmax(examples: readonly Example[], numClasses: number, options: SoftmaxOptions): Float64Array {
  const { buckets, penalty, steps, rate } = options;
  const weights = new Float64Array((buckets + 1) * numClasses);
  const gradient = new Float64Array(weights.length);
  const errors = new Float64Array(numClasses);
  for (let step = 0; step < steps; step++) {
    for (let at = 0; at < weights.length; at++) gradient[at] = penalty * (weights[at] as number);
    for (const example of examples) {
      probabilities(weights, example, errors);
      errors[example.label] = (errors[example.label] as number) - 1;
      for (let word = 0; word <= example.buckets.length; word++) {
        const [row, value] = wordAt(example, word, buckets);
        for (let own = 0; own < numClasses; own++) {
          const at = row * numClasses + own;
          gradient[at] = (gradient[at] as number) + ((errors[own] as number) * value) / examples.length;
        }
      }
    }
    for (let at = 0; at < weights.length; at++) weights[at] = (weights[at] as number) - rate * (gradient[at] as number);
  }
  return weights;
}

/** The words of an example, and after them the bias. */
function wordAt({ buckets, values }: Words, word: number, bias: number): readonly [row: number, value: number] {
  return word < buckets.length ? [buckets[word] as number, values[word] as number] : [bias, 0.1];
}

/** softmax of the scores, written to `out`. [classes] */
function probabilities(weights: Float64Array, words: Words, out: Float64Array): void {
  scores(weights, words, out);
  let most = -Infinity;
  for (const score of out) most = Math.max(most, score);
  let sum = 0;
  for (let own = 0; own < out.length; own++) sum += out[own] = Math.exp((out[own] as number) - most);
  for (let own = 0; own < out.length; own++) out[own] = (out[own] as number) / sum;
}

function scores(weights: Float64Array, words: Words, out: Float64Array): void {
  const numClasses = out.length;
  const bias = weights.length / numClasses - 1;
  out.fill(0);
  for (let word = 0; word <= words.buckets.length; word++) {
    const [row, value] = wordAt(words, word, bias);
    for (let own = 0; own < numClasses; own++) {
      out[own] = (out[own] as number) + (weights[row * numClasses + own] as number) * value;
    }
  }
}

/** The share of examples whose class has the highest score. */
export function shareRight(weights: Float64Array, examples: readonly Example[], numClasses: number): number {
  const out = new Float64Array(numClasses);
  const right = examples.filter((example) => {
    scores(weights, example, out);
    return out.indexOf(Math.max(...out)) === example.label;
  });
  return right.length / examples.length;
}
