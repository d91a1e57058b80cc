import { placesOf } from './detector.js';
import type { Detector } from './detector.js';

// DE89 3704 0044 0532 0130 00

const START = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?=[ ]?[A-Z0-9]{4})/gu;

/** The length of each country's numbers: SWIFT's IBAN registry. */
const LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 CH21 HR21 LI21 LV21 ' +
    'BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 ' +
    'PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 ' +
    'JO30 KW30 MU30 YE30 MT31 SC31 LC32 RU33'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** International bank account numbers: the length of their country, and ISO 7064 MOD 97-10 (ISO 13616). Together or in fours. */
export const iban: Detector = {
  find: (text) =>
    placesOf(text, START, (match, start) => {
      const length = LENGTHS[match.slice(0, 2)];
      if (length === undefined) return false;
      let found = '';
      let end = start;
      for (; found.length < length && end < text.length; end++) {
        const character = text.charAt(end);
        if (/[A-Z0-9]/u.test(character)) found += character;
        else if (character !== ' ' || found.length % 4 !== 0) return false;
      }
      if (found.length < length || /[A-Za-z0-9]/u.test(text.charAt(end))) return false;
      return isRight(found) ? { start, end } : false;
    }),
};

/** The first four characters moved to the end, letters as 10 … 35: the number is 1 modulo 97. */
function isRight(found: string): boolean {
  let remainder = 0;
  for (const character of found.slice(4) + found.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}
