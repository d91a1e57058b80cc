import { before, digitsOf, isOtherNumber, placesOf } from './detector.js';
import type { Detector } from './detector.js';

// 4012 8888 8888 1881 · 378282246310005 · 6222-0200-1234-5678-900

/** 12 to 19 digits, together, or in fours with one kind of separator (American Express: 4, 6, 5; Diners Club: 4, 6, 4). */
const NUMBER =
  /(?<![\dA-Za-z.,_+-]|[\d][ ])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})(?![\dA-Za-z_]|[.,-]\d|[ ]\d{4}(?!\d))/gu;

/** Issuers by the first digits, and the lengths of their numbers (ISO/IEC 7812; the issuers' own tables). */
const CREDIT: readonly { readonly prefix: RegExp; readonly lengths: readonly number[] }[] = [
  { prefix: /^4/u, lengths: [13, 16, 19] }, // Visa
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/u, lengths: [16] }, // Mastercard
  { prefix: /^3[47]/u, lengths: [15] }, // American Express
  { prefix: /^(?:6011|64[4-9]|65)/u, lengths: [16, 19] }, // Discover
  { prefix: /^35(?:2[89]|[3-8])/u, lengths: [16, 19] }, // JCB
  { prefix: /^3(?:0[0-5]|[689])/u, lengths: [14] }, // Diners Club
];

/** Numbers of credit cards: issuer, length and Luhn's check digit must be right, and nothing say that it is another number. */
export const creditCard: Detector = {
  find: (text) =>
    placesOf(text, NUMBER, (match, start) => {
      const digits = digitsOf(match);
      return (
        CREDIT.some(({ prefix, lengths }) => prefix.test(digits) && lengths.includes(digits.length)) &&
        isCard(digits, text, start)
      );
    }),
};

/** Numbers of Chinese bank cards (UnionPay): 62 and 14 to 17 digits more, the last being Luhn's check digit. */
export const bankCard: Detector = {
  find: (text) =>
    placesOf(text, NUMBER, (match, start) => {
      const digits = digitsOf(match);
      return /^62/u.test(digits) && digits.length >= 16 && isCard(digits, text, start);
    }),
};

function isCard(digits: string, text: string, start: number): boolean {
  if (!luhn(digits) || /^(\d)\1+$/u.test(digits)) return false;
  return !isOtherNumber(text, start) || /card|卡/iu.test(before(text, start));
}

/** Every second digit from the right doubled, its digits summed: the total of all is a multiple of 10. Luhn 1954, ISO/IEC 7812-1 annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    sum += index % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
  }
  return sum % 10 === 0;
}
