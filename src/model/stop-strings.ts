/** Text that ends before the first stop string in it. */
export interface StoppedText {
  /** What of the text so far can be given out: it is part of no stop string, nor can it become one. */
  push(piece: string): string;
  /** What is still held back; nothing once a stop string was found. */
  end(): string;
  /** The stop string that was found. */
  readonly found: string | undefined;
}

/**
 * Looks for stop strings in text that comes in pieces, and holds back what may be the beginning of one. Of several the one that is
 * complete first counts, so that how the text is cut into pieces changes nothing; of two that end at once, the longer.
 *
 * @example
 * const text = stoppedText(['\nUser:']);
 * text.push('Hello.\nUs'); // 'Hello.'
 * text.push('er: Bye'); // '', and text.found is '\nUser:'
 */
export function stoppedText(stopStrings: readonly string[]): StoppedText {
  let held = '';
  let found: string | undefined;
  return {
    push(piece) {
      if (found !== undefined) return '';
      const numHeld = held.length;
      held += piece;
      const match = firstMatch(held, stopStrings, numHeld);
      found = match?.stop;
      const end = match === undefined ? held.length - longestBeginning(held, stopStrings) : match.start;
      const out = held.slice(0, end);
      held = match === undefined ? held.slice(end) : '';
      return out;
    },
    end() {
      const out = held;
      held = '';
      return out;
    },
    get found() {
      return found;
    },
  };
}

/** The stop string with the first end after `from`. */
function firstMatch(
  text: string,
  stopStrings: readonly string[],
  from: number,
): { readonly stop: string; readonly start: number } | undefined {
  const matches = stopStrings.flatMap((stop) => {
    const start = text.indexOf(stop, Math.max(0, from - stop.length + 1));
    return start < 0 ? [] : [{ stop, start }];
  });
  const endOf = (match: { readonly stop: string; readonly start: number }): number => match.start + match.stop.length;
  return matches.sort((a, b) => endOf(a) - endOf(b) || a.start - b.start)[0];
}

/** How many characters at the end of a text are the beginning of a stop string, at most. */
function longestBeginning(text: string, stopStrings: readonly string[]): number {
  const longest = Math.max(0, ...stopStrings.map((stop) => stop.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const ending = text.slice(text.length - length);
    if (stopStrings.some((stop) => stop.startsWith(ending))) return length;
  }
  return 0;
}
