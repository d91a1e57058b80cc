import { isIPv6 } from 'node:net';
import { before, placesOf } from './detector.js';
import type { Detector, Place } from './detector.js';

// from 203.0.113.42 · 2001:db8:85a3::8a2e:370:7334

const OCTET = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/u;
const FOUR = /\.\d{1,3}\.\d{1,3}\.(?=\d)/gu;
const SIX = /:[0-9A-Fa-f]{0,4}:/gu;
/** Private, loopback, link-local, unspecified and broadcast addresses: they tell of nobody (RFC 6890). */
const NOBODY = /^(?:0\.|10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|255\.255\.255\.)/u;
const VERSION =
  /(?:\bv|\bver\.?|version|release|firmware|build|update|chapter|section|clause|§|版本|固件|第)\s*(?:号|no\.?|number|is|为|是)?[\s.:：=#-]*$/iu;
const ADDRESS = /\bip|address|host|server|ping|client|from|dns|proxy|:\/\/|地址|服务器|[=@|[(]\s*$/iu;

/**
 * Addresses of the Internet protocol, version 4 and 6, but private and loopback ones. Versions have four numbers, too: what follows a word
 * such as `version` is none, and four numbers that are all under 30 are one only where an address is spoken of.
 */
export const ipAddress: Detector = {
  find: (text) => {
    // Both begin at what is rare in a text, the two inner separators, and reach out from there.
    const four = placesOf(text, FOUR, (match, start) => {
      const place = reach(text, start, start + match.length, /\d/u);
      const found = text.slice(place.start, place.end);
      if (!found.split('.').every((octet) => OCTET.test(octet)) || NOBODY.test(found)) return false;
      const [left, right] = [
        text.slice(Math.max(0, place.start - 2), place.start),
        text.slice(place.end, place.end + 2),
      ];
      if (/[\w.]$|\d[-:]$/u.test(left) || /^(?:\w|[.-]\d)/u.test(right)) return false;
      const context = before(text, place.start, 30).replace(/^.*\n/su, '');
      if (VERSION.test(context)) return false;
      return found.split('.').some((octet) => Number(octet) >= 30) || ADDRESS.test(context) ? place : false;
    });
    const six = placesOf(text, SIX, (match, start) => {
      const place = reach(text, start, start + match.length, /[0-9A-Fa-f:.]/u);
      while (text.charAt(place.end - 1) === '.') place.end--;
      const found = text.slice(place.start, place.end);
      if (/\w$/u.test(text.slice(0, place.start).slice(-1)) || /^\w/u.test(text.charAt(place.end))) return false;
      const groups = found.split(/[:.]/u).filter((group) => group !== '');
      return groups.length >= 3 && /\d/u.test(found) && isIPv6(found) ? place : false;
    });
    const places: Place[] = [];
    for (const place of [...six, ...four].sort((a, b) => a.start - b.start || b.end - a.end))
      if (place.start >= (places.at(-1)?.end ?? 0)) places.push(place);
    return places;
  },
};

/** The place, as long as the characters on both sides are of a kind; at most 45 characters, the longest address. */
function reach(text: string, start: number, end: number, kind: RegExp): { start: number; end: number } {
  const place = { start, end };
  while (place.start > 0 && end - place.start < 45 && kind.test(text.charAt(place.start - 1))) place.start--;
  while (place.end < text.length && place.end - start < 45 && kind.test(text.charAt(place.end))) place.end++;
  return place;
}
