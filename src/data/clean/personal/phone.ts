import { after, before, digitsOf, isOtherNumber, placesOf } from './detector.js';
import type { Detector, Place } from './detector.js';

// +44 20 7946 0958 · (212) 555-0187 · 138 0013 8000 · 010-62345678 · call me on 06-79062134

const START = String.raw`(?<![\w+/=#-]|\w[.]|\d,|[\d)][ -])`;
const END = String.raw`(?![\w]|[.,:/-]\d| \d{3})`;
const pattern = (source: string): RegExp => new RegExp(`${START}(?:${source})${END}`, 'gu');

/** + and the code of a country, then 6 to 13 digits in groups (ITU-T E.164: at most 15 together). */
const INTERNATIONAL = pattern(String.raw`(?:\+|00(?=[1-9]))\d{1,3}(?:[ .\-]?\(\d{1,4}\))?(?:[ .\-]?\d{1,5}){2,6}`);
/** North America: area and exchange begin with 2 to 9 (NANP). */
const AMERICAN = pattern(String.raw`(?:1[ .\-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[\-. ])[2-9]\d{2}[\-. ]\d{4}`);
/** Chinese mobile: 13 to 19 and nine digits, 3-4-4. */
const MOBILE = pattern(String.raw`1[3-9]\d([ \-]?)\d{4}\1\d{4}`);
/** Chinese landline: area code with its 0, seven or eight digits. */
const LANDLINE = pattern(
  String.raw`(?:\(0\d{2,3}\)|（0\d{2,3}）|0(?:10|2\d|[3-9]\d{2})[\- ])[2-8]\d{6,7}(?:-\d{1,4})?`,
);
/** An area code in brackets makes a number by its form. */
const BRACKETED = pattern(String.raw`\(0?\d{2,4}\) ?\d{3,4}[ \-]?\d{3,4}`);
/** Seven to eleven digits in groups, by no known plan: only where a telephone is spoken of. */
const GROUPS = pattern(String.raw`(?:\(?\d{1,5}\)?[ .\-]){0,5}\d{2,8}`);

const NAMED_BEFORE =
  /(?:\b(?:call|calls|phone|telephone|tel|mobile|cell|fax|desk|office|home|whatsapp|sms|text|dial|reach|contact|answering|ring)\b|messages? to|registered|my number|电话|手机|联系|致电|拨打|传真|座机|热线|微信)[^\d]{0,24}$/iu;
const NAMED_AFTER = /^[\s-]{0,2}(?:office|fax|mobile|cell|home|phone|desk|\(?(?:mobile|tel|fax|cell|home|office))/iu;

/**
 * Telephone numbers: international, North American, Chinese mobile and landline by their form; others of seven to eleven digits where a telephone is
 * spoken of just before (`call me on …`) or after (`… fax`). Neither dates, amounts nor numbers of orders.
 */
export const phone: Detector = {
  find: (text) => {
    const places: Place[] = [];
    const add = (found: readonly Place[]): void => {
      for (const place of found)
        if (!places.some(({ start, end }) => place.start < end && start < place.end)) places.push(place);
    };
    const isFree = (start: number): boolean => !isOtherNumber(text, start);
    add(
      placesOf(
        text,
        INTERNATIONAL,
        (match, start) =>
          hasDigits(match, 8, 15) &&
          isFree(start) &&
          (match.startsWith('+') || isNamed(text, start, start + match.length)),
      ),
    );
    add(placesOf(text, AMERICAN, (_, start) => isFree(start)));
    add(placesOf(text, MOBILE, (_, start) => isFree(start)));
    add(placesOf(text, LANDLINE, (_, start) => isFree(start)));
    add(placesOf(text, BRACKETED, (match, start) => hasDigits(match, 8, 12) && isFree(start)));
    add(
      placesOf(text, GROUPS, (match, start) => {
        if (!hasDigits(match, 6, 12) || isDateOrAmount(text, match, start)) return false;
        return isNamed(text, start, start + match.length) && isFree(start);
      }),
    );
    return places.sort((a, b) => a.start - b.start);
  },
};

function hasDigits(match: string, atLeast: number, atMost: number): boolean {
  const { length } = digitsOf(match);
  return length >= atLeast && length <= atMost;
}

function isNamed(text: string, start: number, end: number): boolean {
  return NAMED_BEFORE.test(before(text, start)) || NAMED_AFTER.test(after(text, end));
}

function isDateOrAmount(text: string, match: string, start: number): boolean {
  return (
    /^(?:(?:19|20)\d{2}[ .-]\d{1,2}[ .-]\d{1,2}|\d{1,2}[ .-]\d{1,2}[ .-](?:19|20)\d{2})$/u.test(match) ||
    /^\d{1,3}(?:\.\d{1,2})?$/u.test(match) ||
    /[$€£¥￥]\s?$/u.test(before(text, start, 4))
  );
}
