import { before, placesOf } from './detector.js';
import type { Detector } from './detector.js';

// 536-90-4399

const NUMBER = /(?<![\dA-Za-z.,_+-]|\d )(\d{3})([- ]?)(\d{2})\2(\d{4})(?![\dA-Za-z_]|[.,-]\d)/gu;
const NAMED = /\bssn\b|social security|\bsoc(?:ial)? sec/iu;

/**
 * Social security numbers of the United States: three, two and four digits, none of the groups zero, the first neither 666 nor from 900
 * (Social Security Administration, since 2011). Without hyphens only where one is spoken of before. There is no check digit.
 */
export const ssn: Detector = {
  find: (text) =>
    placesOf(text, NUMBER, (match, start) => {
      const digits = match.replace(/\D/gu, '');
      if (/^(?:000|666|9)|^\d{3}00|0000$/u.test(digits)) return false;
      return match.includes('-') || NAMED.test(before(text, start));
    }),
};
