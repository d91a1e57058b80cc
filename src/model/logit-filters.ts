import { exponential } from './exponential.js';

/** Tokens that can be drawn: the first `count` of both arrays, by rising id. Filters change all three in place. */
export interface Candidates {
  readonly tokens: Int32Array;
  readonly logits: Float32Array;
  count: number;
}

/**
 * All tokens of a vocabulary with their logits, copied.
 *
 * @param into Candidates of an earlier token, whose arrays are used again.
 * @example
 * const candidates = candidatesOf(logits);
 */
export function candidatesOf(logits: Float32Array, into?: Candidates): Candidates {
  const count = logits.length;
  const candidates =
    into?.logits.length === count ? into : { tokens: new Int32Array(count), logits: new Float32Array(count), count };
  candidates.logits.set(logits);
  if (ids.length < count) ids = Int32Array.from({ length: count }, (_, id) => id);
  candidates.tokens.set(ids.subarray(0, count));
  candidates.count = count;
  return candidates;
}

/** 0, 1, 2, … */
let ids = new Int32Array(0);

/**
 * Logits of tokens that were seen: l / penalty where l > 0, l · penalty where not. All tokens must still be there.
 * Keskar 2019, "CTRL" (1909.05858).
 *
 * @example
 * penaliseRepetition(candidates, new Set([12, 7]), 1.3);
 */
export function penaliseRepetition({ logits }: Candidates, seen: ReadonlySet<number>, penalty: number): void {
  for (const token of seen) {
    const logit = logits[token];
    if (logit !== undefined) logits[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** l / temperature, above 0. */
export function temper({ logits, count }: Candidates, temperature: number): void {
  for (let place = 0; place < count; place++) logits[place] = (logits[place] as number) / temperature;
}

/**
 * Leaves the k likeliest, and those as likely as the k-th. Fan 2018, "Hierarchical Neural Story Generation" (1805.04833).
 *
 * One pass with a heap of the k highest so far: after the first few thousand hardly any logit enters it.
 *
 * @example
 * keepTopK(candidates, 50);
 */
export function keepTopK(candidates: Candidates, k: number): void {
  const { logits, count } = candidates;
  if (k >= count) return;
  const heap = logits.slice(0, k).sort(); // sorted, so a heap: the lowest is at the root
  let lowest = heap[0] as number;
  for (let place = k; place < count; place++) {
    const logit = logits[place] as number;
    if (logit > lowest) lowest = replaceLowest(heap, logit);
  }
  keepFrom(candidates, lowest);
}

/** Puts a value in place of a heap's lowest; gives what is the lowest then. */
function replaceLowest(heap: Float32Array, value: number): number {
  let place = 0;
  for (let child = 1; child < heap.length; child = 2 * place + 1) {
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
    const lower = heap[child] as number;
    if (lower >= value) break;
    heap[place] = lower;
    place = child;
  }
  heap[place] = value;
  return heap[0] as number;
}

/**
 * Leaves the smallest set of likeliest tokens whose probability reaches `share`, in (0, 1]; of tokens that are equally likely the lower id
 * comes first. Holtzman 2020, "The Curious Case of Neural Text Degeneration" (1904.09751).
 *
 * Nothing is sorted but the few tokens at the border: probabilities are added up in bins by their logit, from the highest on; in the
 * bin where the sum reaches the share the logits are looked at one by one. Bins are so narrow that three terms of eˣ's series around
 * their centre are exact to a part in 10⁸: no exponential is computed but one a bin.
 *
 * @example
 * keepTopP(candidates, 0.9);
 */
export function keepTopP(candidates: Candidates, share: number): void {
  const { logits, count } = candidates;
  const highest = highestOf(candidates);
  masses.fill(0);
  for (let place = 0; place < count; place++) {
    const below = (highest - (logits[place] as number)) * binsPerUnit;
    if (below >= numBins) continue;
    const bin = below | 0;
    const x = (bin + 0.5 - below) / binsPerUnit;
    masses[bin] = (masses[bin] as number) + 1 + x + 0.5 * x * x;
  }
  let total = 0;
  for (let bin = 0; bin < numBins; bin++) {
    const mass = (masses[bin] as number) * exponential(-(bin + 0.5) / binsPerUnit);
    masses[bin] = mass;
    total += mass;
  }
  const enough = share * total;
  let border = 0;
  let mass = 0; // of the bins before the border
  while (border < numBins - 1 && mass + (masses[border] as number) < enough) mass += masses[border++] as number;
  keepFrom(candidates, highest - (border + 1) / binsPerUnit);
  const inBorder = logits
    .slice(0, candidates.count)
    .filter((logit) => (((highest - logit) * binsPerUnit) | 0) === border)
    .sort();
  let [lowest, numLowest] = [highest, 1]; // of those that stay
  for (let place = inBorder.length - 1; place >= 0 && mass < enough; place--) {
    const logit = inBorder[place] as number;
    numLowest = place < inBorder.length - 1 && logit === lowest ? numLowest + 1 : 1;
    lowest = logit;
    mass += exponential(logit - highest);
  }
  keepFrom(candidates, lowest, numLowest);
}

/** Logits 32 below the highest and lower are left out: each is less than 10⁻¹³ as likely as the likeliest. */
const binsPerUnit = 128;
const numBins = 32 * binsPerUnit;
const masses = new Float64Array(numBins);

/**
 * Leaves tokens of at least `share` of the likeliest one's probability: l ≥ highest + ln share.
 * Nguyen 2024, "Turning Up the Heat: Min-p Sampling" (2407.01082).
 *
 * @example
 * keepMinP(candidates, 0.05);
 */
export function keepMinP(candidates: Candidates, share: number): void {
  keepFrom(candidates, highestOf(candidates) + Math.log(share));
}

/** The highest logit. */
export function highestOf({ logits, count }: Candidates): number {
  let highest = -Infinity;
  for (let place = 0; place < count; place++) {
    const logit = logits[place] as number;
    if (logit > highest) highest = logit;
  }
  return highest;
}

/** Leaves logits above `lowest`, and of those equal to it the first `numEqual`. */
function keepFrom(candidates: Candidates, lowest: number, numEqual = Infinity): void {
  const { tokens, logits, count } = candidates;
  let kept = 0;
  let left = numEqual;
  for (let place = 0; place < count; place++) {
    const logit = logits[place] as number;
    if (logit >= lowest) {
      if (logit === lowest && left-- <= 0) continue;
      tokens[kept] = tokens[place] as number;
      logits[kept] = logit;
      kept += 1;
    }
  }
  candidates.count = kept;
}
