import { before, placesOf } from './detector.js';
import type { Detector } from './detector.js';

// passport no. E12345678 · 护照号码：EA1234567

const NUMBER = /(?<![\dA-Za-z])(?:[A-Z]{1,2}\d{6,8}|\d{9})(?![\dA-Za-z])/gu;
const NAMED = /passport|护照|護照/iu;

/** Passport numbers, where a passport is spoken of before: one or two letters and six to eight digits, or nine digits. They have no check digit. */
export const passport: Detector = {
  find: (text) => placesOf(text, NUMBER, (_, start) => NAMED.test(before(text, start, 30))),
};
