/** Finds one kind of personal data. */
export interface Detector {
  /** Where it stands in a text, from left to right, none overlapping another. */
  readonly find: (text: string) => readonly Place[];
}

/** A stretch of a text, in code units: `text.slice(start, end)`. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** All places that a pattern (with the flag g) finds and that `accepts` takes: it may give a shorter place. */
export function placesOf(
  text: string,
  pattern: RegExp,
  accepts: (match: string, start: number) => boolean | Place,
): readonly Place[] {
  const places: Place[] = [];
  for (const match of text.matchAll(pattern)) {
    const [found] = match;
    const answer = accepts(found, match.index);
    if (answer === true) places.push({ start: match.index, end: match.index + found.length });
    else if (answer !== false) places.push(answer);
  }
  return places;
}

/** The line's text before a place, at most `length` characters of it and of the line before, without masks. */
export function before(text: string, start: number, length = 40): string {
  return withoutMasks(text.slice(Math.max(0, start - length), start));
}

/** The text after a place. */
export function after(text: string, end: number, length = 12): string {
  return withoutMasks(text.slice(end, end + length));
}

/** The names of masks, such as `<PHONE>`, are no context. */
function withoutMasks(text: string): string {
  return text.replace(/<[A-Z_]+>?|^[A-Z_]+>/gu, '');
}

export function digitsOf(text: string): string {
  return text.replace(/\D/gu, '');
}

/** Words that say that the number behind them counts goods or papers, not people. */
const OTHER_NUMBER =
  /(?:order|tracking|invoice|serial|ticket|receipt|reference|\bref|transaction|case|item|part|sku|isbn|issn|doi|订单|订单号|运单|快递|单号|编号|流水号?|序列号|条码|发票)\s*(?:no|nr|num|number|id|号|码)?\s*[.:：#=＝]*\s*(?:is|was|为|是)?\s*["“(（]?\s*$/iu;

/** Whether a number is said to be that of an order, an invoice and the like. */
export function isOtherNumber(text: string, start: number): boolean {
  return OTHER_NUMBER.test(before(text, start));
}
