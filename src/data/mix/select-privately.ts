import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';
import { jointStep } from '../joint-step.js';
import type { JointStep } from '../joint-step.js';
import { eachRow } from '../rows.js';
import { numbersOf } from '../stratum.js';
import { pick } from './exponential-mechanism.js';
import { privacyAccount } from './privacy-account.js';
import type { Composition, PrivacyAccount } from './privacy-account.js';

export interface SelectPrivatelyOptions {
  /** The quality of a document, as far as it depends on data that must stay private. */
  readonly score: (document: Document) => number | Promise<number>;
  /** Scores are clipped to this: what lies outside counts as its end. */
  readonly clip: readonly [low: number, high: number];
  /** The most by which one private record may change the clipped score of any document. Default: high − low, which always holds. */
  readonly sensitivity?: number;
  /** Documents to select. */
  readonly size: number;
  /** What the selection may spend in all. */
  readonly epsilon: number;
  /** Default: 0, which leaves basic composition alone. */
  readonly delta?: number;
  /** Default: whichever allows most. */
  readonly composition?: Composition;
  readonly key: Key;
}

/** A selection, and what it spends: known before a document is seen. */
export interface PrivateSelection extends JointStep<true> {
  readonly account: PrivacyAccount;
}

/**
 * Selects documents by scores that come from private data (such as what users thought of them, or how a model trained on private text
 * finds them), so that the selection is (ε, δ)-differentially private with regard to that data: adding, taking away or changing one private
 * record changes the probability of any selection by at most e^ε, but for δ. Documents are picked one after the other by the exponential
 * mechanism over clipped scores; `account` and the ledger say what was spent. The scores themselves are not written down.
 *
 * What it does and does not protect: the private records behind the scores, seen through *which* documents are selected. The texts of
 * selected documents are not hidden, and whoever selects twice spends twice.
 *
 * **The key must be secret, drawn at random, and used once.** Who knows it can compute the noise, and nothing is private any more: a
 * key of a config that is published, or a seed such as 42, gives no guarantee. Numbers of 53 bits stand for real ones, so that outcomes
 * rarer than about 2⁻⁵³ are not as the formula says.
 *
 * @throws TrainbookError for a size, clip or privacy that is none; when documents come, for a score that is not a number.
 * @example
 * const step = selectPrivately({ score: rating, clip: [0, 5], size: 1000, epsilon: 2, delta: 1e-6, key: key(randomInt(2 ** 47)) });
 * step.account; // { epsilon: 2, delta: 1e-6, picks: 1000, epsilonPerPick: 0.0233…, composition: 'zCDP', sensitivity: 5 }
 * const selected = await corpus.through(step);
 */
export function selectPrivately(options: SelectPrivatelyOptions): PrivateSelection {
  const { score, clip, size, key } = options;
  const [low, high] = clip;
  if (!(low < high) || !Number.isInteger(size) || size < 1) {
    throw new TrainbookError({
      what: 'selectPrivately: nothing can be selected so',
      received: `clip [${low}, ${high}], size ${size}`,
      expected: 'a lower and a higher score, and a whole number of documents above 0',
    });
  }
  const { sensitivity = high - low, epsilon, delta = 0, composition } = options;
  const account = privacyAccount({
    epsilon,
    delta,
    picks: size,
    sensitivity: Math.min(sensitivity, high - low),
    ...(composition === undefined ? {} : { composition }),
  });
  const spent = { epsilon: account.epsilon, delta: account.delta };
  const step = jointStep<true>('select privately', {
    tell: async (document, to) => {
      const value = await score(document);
      if (Number.isNaN(value)) {
        throw new TrainbookError({
          what: 'selectPrivately: a score is not a number',
          received: `${value} for document ${document.id}`,
          expected: 'a number for each document',
          fix: 'let the score give the lowest value where it cannot say',
        });
      }
      to(numbersOf(document.id)[0], Math.min(Math.max(value, low), high));
    },
    find: (told) => Array.from(eachRow(told), ([, number = 0, value = 0]) => [number, value]),
    decide: (found) => {
      const rows = [...eachRow(found)];
      const scores = Float64Array.from(rows, ([, value = 0]) => value);
      const privacy = { epsilon: account.epsilonPerPick, sensitivity: account.sensitivity };
      const picked = pick(scores, size, privacy, fold(key, 'select privately'));
      return picked.map((index) => [rows[index]?.[0] ?? 0, true] as const);
    },
    judgeOne: (keep, isPicked) => (isPicked === true ? { keep, scores: spent } : { drop: 'not selected' }),
  });
  return { ...step, account };
}
