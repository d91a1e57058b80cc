import { before, placesOf } from './detector.js';
import type { Detector } from './detector.js';

// 11010519491231002X: region 110105, born 1949-12-31, order 002, check X

const NUMBER = /(?<![\dA-Za-z])(?:\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx]|\d{15})(?![\dA-Za-z]|[.-]\d)/gu;
/** The first two digits: provinces, municipalities, regions (GB/T 2260). */
const REGION = /^(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])/u;
const NAMED = /身份证|证件|身份号码|identity|\bID\b/iu;

/**
 * Chinese citizen identity numbers, GB 11643-1999: 18 digits with region, date of birth and check digit all right; 15 digits (before 1999, without a check
 * digit) with region and date right, where an identity card is spoken of before.
 */
export const chineseId: Detector = {
  find: (text) =>
    placesOf(text, NUMBER, (match, start) => {
      const digits = match.replace(/[ -]/gu, '').toUpperCase();
      if (!REGION.test(digits)) return false;
      if (digits.length === 15) return isDate(`19${digits.slice(6, 12)}`) && NAMED.test(before(text, start));
      return isDate(digits.slice(6, 14)) && checkDigit(digits) === digits.charAt(17);
    }),
};

/** ISO 7064 MOD 11-2: Σ 2^(18−i) aᵢ + check ≡ 1 (mod 11), the check 10 written X. */
function checkDigit(digits: string): string {
  let remainder = 0;
  for (let index = 0; index < 17; index++) remainder = ((remainder + digits.charCodeAt(index) - 48) * 2) % 11;
  return '0123456789X'.charAt((12 - remainder) % 11);
}

/** A day of the calendar from 1900 to 2099, as yyyymmdd. */
function isDate(digits: string): boolean {
  const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6)].map(Number);
  if (year === undefined || month === undefined || day === undefined || year < 1900 || year > 2099) return false;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month >= 1;
}
