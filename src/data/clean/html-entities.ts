import { WINDOWS_1252 } from './code-pages.js';

/** The names of HTML 4.01 for characters, without markup's own behaviour: 252 names, as in its three entity sets. */

/** U+00A0 to U+00FF, in order. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo ' +
  'frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde ' +
  'Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml ' +
  'igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';
/** U+0391 to U+03A9 and U+03B1 to U+03C9, in order; - where no character stands or has a name. */
const GREEK =
  'Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho - Sigma Tau Upsilon Phi Chi Psi Omega';
const OTHERS =
  'quot"amp&lt<gt>apos\'OEligŒoeligœScaronŠscaronšYumlŸfnofƒcircˆtilde˜sigmafςthetasymϑupsihϒpivϖensp\u2002emsp\u2003thinsp\u2009zwnj\u200czwj\u200dlrm\u200erlm\u200f' +
  'ndash–mdash—lsquo‘rsquo’sbquo‚ldquo“rdquo”bdquo„dagger†Dagger‡bull•hellip…permil‰prime′Prime″lsaquo‹rsaquo›oline‾frasl⁄euro€imageℑweierp℘realℜtrade™alefsymℵ' +
  'larr←uarr↑rarr→darr↓harr↔crarr↵lArr⇐uArr⇑rArr⇒dArr⇓hArr⇔forall∀part∂exist∃empty∅nabla∇isin∈notin∉ni∋prod∏sum∑minus−lowast∗radic√prop∝infin∞ang∠and∧or∨cap∩cup∪int∫there4∴' +
  'sim∼cong≅asymp≈ne≠equiv≡le≤ge≥sub⊂sup⊃nsub⊄sube⊆supe⊇oplus⊕otimes⊗perp⊥sdot⋅lceil⌈rceil⌉lfloor⌊rfloor⌋lang〈rang〉loz◊spades♠clubs♣hearts♥diams♦';

const named: ReadonlyMap<string, string> = new Map([
  ...LATIN_1.split(' ').map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...GREEK.split(' ').flatMap((name, index) => [
    [name, String.fromCharCode(0x391 + index)] as const,
    [name.toLowerCase(), String.fromCharCode(0x3b1 + index)] as const,
  ]),
  ...Array.from(
    OTHERS.matchAll(/([A-Za-z]+4?)([^A-Za-z0-9])/gu),
    ([, name = '', character = '']) => [name, character] as const,
  ),
]);

/** A reference to a character: by name, decimal or hexadecimal. The semicolon must be there. */
export const ENTITY = /&(?:([A-Za-z][A-Za-z0-9]{1,8})|#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6}));/gu;

/** The character that a reference stands for; undefined for a name that is none. Numbers 128 to 159 are Windows-1252's, as HTML 5 says. */
export function characterOf(name?: string, decimal?: string, hexadecimal?: string): string | undefined {
  if (name !== undefined) return named.get(name);
  const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
  if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || code === 0) return undefined;
  return code >= 0x80 && code < 0xa0 ? WINDOWS_1252.charAt(code - 0x80) : String.fromCodePoint(code);
}

/** The text with its references replaced, and how many there were. */
export function decodeEntities(text: string): { readonly text: string; readonly count: number } {
  let count = 0;
  const decoded = text.replace(ENTITY, (whole: string, name?: string, decimal?: string, hexadecimal?: string) => {
    const character = characterOf(name, decimal, hexadecimal);
    if (character === undefined) return whole;
    count++;
    return character;
  });
  return { text: decoded, count };
}
