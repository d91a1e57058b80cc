import { bankCard, creditCard } from './card.js';
import { chineseId } from './chinese-id.js';
import type { Detector, Place } from './detector.js';
import { email } from './email.js';
import { iban } from './iban.js';
import { ipAddress } from './ip-address.js';
import { licencePlate } from './licence-plate.js';
import { numberRegions } from './number-regions.js';
import { passport } from './passport.js';
import { phone } from './phone.js';
import { ssn } from './ssn.js';

/** Each kind, by its detector and mask, in the order of precedence: where two find the same digits, the first has them. */
const detectors = {
  email: { detector: email, mask: '<EMAIL>' },
  iban: { detector: iban, mask: '<IBAN>' },
  chineseId: { detector: chineseId, mask: '<CHINESE_ID>' },
  creditCard: { detector: creditCard, mask: '<CREDIT_CARD>' },
  bankCard: { detector: bankCard, mask: '<BANK_CARD>' },
  ssn: { detector: ssn, mask: '<SSN>' },
  ipAddress: { detector: ipAddress, mask: '<IP_ADDRESS>' },
  passport: { detector: passport, mask: '<PASSPORT>' },
  phone: { detector: phone, mask: '<PHONE>' },
  licencePlate: { detector: licencePlate, mask: '<LICENCE_PLATE>' },
} as const satisfies Readonly<Record<string, { readonly detector: Detector; readonly mask: string }>>;

/** A kind of personal data. */
export type PersonalKind = keyof typeof detectors;

export const personalKinds = Object.keys(detectors) as readonly PersonalKind[];
/** All kinds but licence plates, which are Chinese only and tell of a car. */
export const usualKinds = personalKinds.filter((kind) => kind !== 'licencePlate');

/** Personal data where it stands in a text: `text.slice(start, end)`, in code units. */
export interface PersonalSpan extends Place {
  readonly kind: PersonalKind;
}

/**
 * Personal data in a text, from left to right, no span overlapping another.
 *
 * @example
 * findPersonalData('Write to jane@example.org or +44 20 7946 0958.');
 * // [{ kind: 'email', start: 9, end: 25 }, { kind: 'phone', start: 29, end: 45 }]
 */
export function findPersonalData(text: string, kinds: readonly PersonalKind[] = usualKinds): readonly PersonalSpan[] {
  const regions = numberRegions(text);
  const spans: PersonalSpan[] = [];
  for (const kind of personalKinds) {
    if (!kinds.includes(kind)) continue;
    const { find } = detectors[kind].detector;
    for (const { start, end } of searchesWholeText.has(kind) ? [{ start: 0, end: text.length }] : regions) {
      for (const place of find(text.slice(start, end))) {
        const span = { kind, start: start + place.start, end: start + place.end };
        if (!spans.some((other) => span.start < other.end && other.start < span.end)) spans.push(span);
      }
    }
  }
  return spans.sort((a, b) => a.start - b.start);
}

/** Those that need not have five digits. */
const searchesWholeText: ReadonlySet<PersonalKind> = new Set(['email', 'ipAddress', 'licencePlate']);

/**
 * The text with a mask such as `<EMAIL>` in place of each piece of personal data, and how many of each kind. Masked again, it stays as it is.
 *
 * @example
 * maskPersonalData('Write to jane@example.org.');   // { text: 'Write to <EMAIL>.', counts: { email: 1 } }
 */
export function maskPersonalData(
  text: string,
  kinds: readonly PersonalKind[] = usualKinds,
): { readonly text: string; readonly counts: Readonly<Partial<Record<PersonalKind, number>>> } {
  const counts: Partial<Record<PersonalKind, number>> = {};
  let current = text;
  // A mask is shorter than what it hides, so that a word that names the next number may come into reach: again, until nothing is found.
  for (let spans = findPersonalData(current, kinds); spans.length > 0; spans = findPersonalData(current, kinds)) {
    let masked = '';
    let end = 0;
    for (const span of spans) {
      masked += current.slice(end, span.start) + detectors[span.kind].mask;
      end = span.end;
      counts[span.kind] = (counts[span.kind] ?? 0) + 1;
    }
    current = masked + current.slice(end);
  }
  return { text: current, counts };
}
