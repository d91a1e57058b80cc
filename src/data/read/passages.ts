/**
 * Cuts a long text into passages of about `characters` characters, so that a part of them can be held out. It cuts at the
 * blank line nearest after that length; where a stretch of twice the length has none, at the end of a line, then of a word,
 * then anywhere between two characters. Nothing is lost: the passages joined are the text.
 *
 * Neighbouring passages of one work speak of the same things: a held-out part of them is easier than a work never seen.
 *
 * @param characters UTF-16 code units; by default a 64th of the text, but at least 256 and at most 2,048.
 */
export function passages(text: string, characters = passageCharacters(text.length)): readonly string[] {
  const cut: string[] = [];
  let start = 0;
  while (text.length - start > characters) {
    const end = cutAfter(text, start + characters, start + 2 * characters);
    cut.push(text.slice(start, end));
    start = end;
  }
  if (start < text.length) cut.push(text.slice(start));
  return cut;
}

/** Characters of the passages of a text of that length. */
export function passageCharacters(length: number): number {
  return Math.min(Math.max(Math.ceil(length / 64), 256), 2048);
}

/** The best place to cut between `from` and `to`. */
function cutAfter(text: string, from: number, to: number): number {
  const stretch = text.slice(from, to);
  for (const end of [/\n[^\S\n]*\n+/u, /\n/u, /\s+/u]) {
    const found = end.exec(stretch);
    if (found !== null) return from + found.index + found[0].length;
  }
  const last = Math.min(to, text.length);
  const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(last - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(last));
  return splitsPair ? last + 1 : last;
}
