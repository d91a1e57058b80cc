import { gbkBytes, isFrequentInGbk, WINDOWS_1252, windows1252Bytes } from './code-pages.js';

// “schÃ¶n” is “schön” in UTF-8, read as Windows-1252; “浣犲ソ” is “你好”, read as GBK; “ÄãºÃ” is “你好” in GBK, read as Windows-1252.

/** A repaired text, and how many stretches were mended. */
export interface Repaired {
  readonly text: string;
  readonly count: number;
}

/** One character of UTF-8 that was read as two to four. */
interface Sequence {
  readonly start: number;
  readonly end: number;
  readonly lead: number;
  readonly character: string;
}

/** Read from a byte 80 to BF, and yet common behind a letter in right texts: quotes, dashes, ellipsis and so on. */
const COMMON = /[‘’“”–—…•™‹›«»\u00a0]/u;
const LETTER = /\p{L}/u;
/** What a sequence may stand for: no controls, nothing unassigned or private. */
const PLAUSIBLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}\xad\ufeff\u200b-\u200f]$/u;
/** First bytes of Latin, Greek, Cyrillic, Hebrew and Arabic. Other scripts of two bytes are rarer than the mistakes they would bring. */
const LATIN = [0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc8, 0xcb];
const LEADS = [...LATIN, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb];

/**
 * UTF-8 that was read as Windows-1252 or Latin-1, read again. Only stretches that are UTF-8 to the byte, and whose characters stand together as they
 * do in no right text: an accented capital before a sign, or several such pairs in a row.
 */
export function repairUtf8(text: string): Repaired {
  if (!/[\u00c2-\u00f4][\u0080-\uffff]/u.test(text)) return { text, count: 0 };
  const sequences = sequencesOf(text);
  if (sequences.length === 0) return { text, count: 0 };
  // Where a script was met in a row, its single letters are believed, too.
  const scripts = new Set<number>();
  for (const [index, { lead, end }] of sequences.entries())
    if (sequences[index + 1]?.start === end) scripts.add(lead).add(sequences[index + 1]?.lead ?? lead);
  let repaired = '';
  let from = 0;
  let count = 0;
  for (const [index, sequence] of sequences.entries()) {
    const inRow = sequences[index - 1]?.end === sequence.start || sequences[index + 1]?.start === sequence.end;
    if (!isMojibake(text, sequence, inRow, scripts)) continue;
    repaired += text.slice(from, sequence.start) + sequence.character;
    from = sequence.end;
    count++;
  }
  return { text: repaired + text.slice(from), count };
}

function sequencesOf(text: string): readonly Sequence[] {
  const bytes = windows1252Bytes();
  const found: Sequence[] = [];
  for (let start = 0; start < text.length; start++) {
    const lead = bytes[text.charCodeAt(start)] ?? 0;
    const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length === 0 || start + length > text.length) continue;
    const read = [lead];
    for (let index = 1; index < length; index++) read.push(bytes[text.charCodeAt(start + index)] ?? 0);
    if (read.slice(1).some((byte) => byte < 0x80 || byte > 0xbf)) continue;
    const character = decodeStrictly(read);
    if (character === undefined || !isPlausible(character, text.charAt(start + 1))) continue;
    if (length === 2 && !LEADS.includes(lead)) continue;
    found.push({ start, end: start + length, lead, character });
    start += length - 1;
  }
  return found;
}

function isPlausible(character: string, second: string): boolean {
  // A control that was read as two, as it is in what was encoded twice.
  if (/[\x80-\x9f]/u.test(character)) return /[\x80-\x9f]/u.test(second);
  // Of these blocks only what occurs: Vietnamese letters and the signs of Windows-1252.
  if (/[\u0180-\u01ff\u02c0-\u02ff]/u.test(character)) return /[ƠơƯưƒˆ˜]/u.test(character);
  return PLAUSIBLE.test(character);
}

function isMojibake(
  text: string,
  { start, end, lead, character }: Sequence,
  inRow: boolean,
  scripts: ReadonlySet<number>,
): boolean {
  const rest = text.slice(start + 1, end);
  const before = text.charAt(start - 1);
  const after = text.charAt(end);
  if (lead >= 0xf0) return true;
  // â€ and a third: quotes and dashes. Others need a sign that follows no letter, or company.
  if (lead >= 0xe0) return inRow || [...rest].some((sign) => !COMMON.test(sign)) || character === '\ufeff';
  if (!LATIN.includes(lead)) return inRow || scripts.has(lead);
  if (lead === 0xc2) return true;
  if (inRow || !COMMON.test(rest) || rest === '\u00a0') return true;
  // Ã– begins Österreich, and ends a word in capitals before a dash.
  // A capital after a small letter stands in no word.
  return /\p{Ll}/u.test(after) || /\p{Ll}/u.test(before) || (/[™›‹•]/u.test(rest) && LETTER.test(before));
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeStrictly(bytes: readonly number[]): string | undefined {
  try {
    return strict.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** à whose second byte, a space that does not break, became a plain space or was lost: `voilÃ le`. And ” without its last byte, which Windows-1252 leaves open. */
export function repairLostBytes(text: string): Repaired {
  let count = 0;
  const repaired = text
    .replace(/Ã(?<=\p{Ll}{2} ?Ã)(?= \p{Ll})/gu, () => (count++, 'à'))
    .replace(/Â(?<=[\p{Ll}.,;:!?]Â)(?= )/gu, () => (count++, ''))
    .replace(/â€(?=[\s.,;:!?)]|$)(?<=“[^”]{0,400}â€)/gu, () => (count++, '”'));
  return { text: repaired, count };
}

/** Controls U+0080 to U+009F, which nobody writes: bytes of Windows-1252 that were read as Latin-1. */
export function repairControls(text: string): Repaired {
  let count = 0;
  const repaired = text.replace(/[\u0080\u0082-\u008c\u008e\u0091-\u009c\u009e\u009f]/gu, (control) => {
    count++;
    return WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80);
  });
  return { text: repaired, count };
}

/** UTF-8 that was read as GBK: runs of Chinese characters that are UTF-8 to the byte, and more usual characters after. A last character that was cut in two is U+FFFD. */
export function repairUtf8AsGbk(text: string): Repaired {
  if (!/[\u4e00-\u9fff]/u.test(text)) return { text, count: 0 };
  const table = gbkBytes();
  let count = 0;
  const repaired = text.replace(/[\u0080-\uffff]{2,}\??/gu, (run) => {
    const first = table[run.charCodeAt(0)] ?? 0;
    if (first >> 8 < 0xe2 || first >> 8 > 0xef || (first & 0xff) > 0xbf) return run;
    const isCut = run.endsWith('?');
    const characters = isCut ? run.slice(0, -1) : run;
    const bytes: number[] = [];
    for (let index = 0; index < characters.length; index++) {
      const pair = table[characters.charCodeAt(index)] ?? 0;
      if (pair === 0) return run;
      bytes.push(pair >> 8, pair & 0xff);
    }
    const lost = bytes.length % 3;
    if (isCut !== lost > 0) return run;
    const decoded = decodeStrictly(bytes.slice(0, bytes.length - lost));
    if (decoded === undefined || decoded.length < 2 || frequentShare(decoded) <= frequentShare(characters)) return run;
    count++;
    return isCut ? `${decoded}\ufffd` : decoded;
  });
  return { text: repaired, count };
}

/** GBK that was read as Windows-1252: four or more accented letters and signs in a row that make frequent Chinese characters, and no word of a language. */
export function repairGbk(text: string): Repaired {
  if (!/[\u00a1-\u00ff]{4}/u.test(text)) return { text, count: 0 };
  let count = 0;
  const repaired = text.replace(/(?<![\p{L}])[\u00a1-\u00ff]{4,}(?![\p{L}])/gu, (run) => {
    const inSequences = sequencesOf(run).reduce((sum, { start, end }) => sum + end - start, 0);
    if (2 * inSequences > run.length) return run;
    const isOdd = /[\u00a1-\u00bf×÷]|\p{Ll}\p{Lu}/u.test(run);
    if (run.length % 2 === 1 || !isOdd) return run;
    const decoded = new TextDecoder('gbk').decode(Uint8Array.from(run, (character) => character.charCodeAt(0)));
    if (frequentShare(decoded) < 1 || !/\p{Script=Han}/u.test(decoded)) return run;
    count++;
    return decoded;
  });
  return { text: repaired, count };
}

function frequentShare(text: string): number {
  const table = gbkBytes();
  const { length } = text;
  let frequent = 0;
  for (let index = 0; index < length; index++) if (isFrequentInGbk(table[text.charCodeAt(index)] ?? 0)) frequent++;
  return frequent / Math.max(length, 1);
}
