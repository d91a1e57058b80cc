import type { Detector, Place } from './detector.js';

// write to jane.doe+news@mail.example.co.uk, or 联系 zhang_san@qq.com。

const LOCAL = /[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]/u;
const DOMAIN = /(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.)+(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{1,59})(?![A-Za-z0-9-])/uy;
/** Endings of file names that look like addresses: icon@2x.png. */
const FILE = /\.(?:png|jpe?g|gif|svg|webp|ico|js|mjs|css|ts|json|html?|md|txt|zip|gz|tgz|pdf|so|py)$/iu;

/**
 * Addresses of e-mail: dot-atoms of RFC 5322 before the sign, a host name with a top-level domain of letters behind it. Neither hosts
 * without a dot (`git@server`), nor versions (`react@18.2.0`), nor image files (`icon@2x.png`).
 */
export const email: Detector = {
  find: (text) => {
    const places: Place[] = [];
    let from = 0;
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
      DOMAIN.lastIndex = at + 1;
      const domain = DOMAIN.exec(text);
      if (domain === null || FILE.test(domain[0]) || domain[0].includes('-.')) continue;
      let start = at;
      while (start > from && at - start < 64 && LOCAL.test(text.charAt(start - 1))) start--;
      // Quotes, brackets and dots around an address are not part of it.
      while (start < at && /[.'`/*=?{|}~&]/u.test(text.charAt(start))) start++;
      const local = text.slice(start, at);
      if (local === '' || local.endsWith('.') || local.includes('..')) continue;
      from = at + 1 + domain[0].length;
      places.push({ start, end: from });
    }
    return places;
  },
};
