import { TrainbookError } from '../../error.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { findPersonalData, maskPersonalData, personalKinds, usualKinds } from './personal/find.js';
import type { PersonalKind } from './personal/find.js';

export interface PersonalDataOptions {
  /**
   * What happens to documents that have some. `find`: they are kept as they are, and the ledger has the number of each kind as
   * a score. `mask`: each piece gives way to a mask such as `<EMAIL>`. `drop`: they are dropped.
   */
  readonly action: 'find' | 'mask' | 'drop';
  /** The kinds that are looked for; all but `licencePlate` by default. */
  readonly kinds?: readonly PersonalKind[];
  /** With `drop`: how many pieces are still kept; 0 by default. */
  readonly most?: number;
}

/**
 * Finds, masks or drops personal data, English and Chinese: e-mail addresses, telephone numbers, Chinese identity numbers, bank
 * and credit cards, IBANs, IP addresses, US social security and passport numbers. Where a number has a check digit it must be right; the
 * others need a form of their own or a word that names them. Names and addresses of streets are not found. The data itself never comes into
 * the ledger. Full-width digits are found after `normalise({ form: 'NFKC' })` only.
 *
 * @throws TrainbookError for a kind or an action that there is not.
 * @example
 * await load('mail.jsonl').through(normalise(), personalData({ action: 'mask', kinds: ['email', 'phone'] }));
 */
export function personalData(options: PersonalDataOptions): LocalStep {
  const { action, kinds = usualKinds, most = 0 } = options;
  const wrong = kinds.filter((kind) => !personalKinds.includes(kind));
  if (wrong.length > 0 || kinds.length === 0) {
    throw new TrainbookError({
      what: 'personalData: no such kind',
      received: wrong.join(', ') || 'none',
      expected: personalKinds.join(', '),
    });
  }
  if (!['find', 'mask', 'drop'].includes(action)) {
    throw new TrainbookError({
      what: 'personalData: no such action',
      received: String(action),
      expected: 'find, mask or drop',
    });
  }
  return localStep(
    `personal data (${action})`,
    (document): Verdict => {
      if (action === 'mask') {
        const { text, counts } = maskPersonalData(document.text, kinds);
        return text === document.text ? { keep: document } : { keep: { ...document, text }, changes: { ...counts } };
      }
      const spans = findPersonalData(document.text, kinds);
      if (spans.length === 0) return { keep: document };
      const scores: Record<string, number> = {};
      for (const { kind } of spans) scores[kind] = (scores[kind] ?? 0) + 1;
      if (action === 'find' || spans.length <= most) return { keep: document, scores };
      return { drop: 'personal data', score: spans.length, evidence: Object.keys(scores).join(', ') };
    },
    { module: import.meta.url, name: 'personalData', options: [options] },
  );
}
