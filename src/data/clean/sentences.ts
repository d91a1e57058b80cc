import { characterTable, CATEGORY_P, KIND, SIGN_IN_ROW, SPACE, TERMINAL } from './characters.js';
import { endOfAddress, isWordKind, joins } from './words.js';

/**
 * How many sentences a text has: a sentence ends behind a sign such as `.`, `?` or `。` and the punctuation that follows it. Dots within words
 * (`3.14`) and in rows (`...`) end none. The rule of spaCy's sentencizer, which datatrove counts by.
 */
export function countSentences(text: string): number {
  const table = characterTable();
  let count = 0;
  let isEnded = true;
  let wordKind = SPACE;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const entry = table[code] ?? 0;
    const kind = entry & KIND;
    if (kind === SPACE) {
      wordKind = SPACE;
      continue;
    }
    if (code === 0x3a && isWordKind(wordKind) && text.startsWith('//', index + 1)) {
      const end = endOfAddress(text, index);
      if (end > index) {
        index = end - 1;
        continue;
      }
    }
    const isWithin =
      isWordKind(wordKind) &&
      !isWordKind(kind) &&
      joins(code, wordKind, (table[text.charCodeAt(index + 1)] ?? 0) & KIND);
    const isInRow =
      kind === SIGN_IN_ROW && (text.charCodeAt(index - 1) === code || text.charCodeAt(index + 1) === code);
    if ((entry & TERMINAL) !== 0 && !isWithin && !isInRow) {
      if (count === 0) count = 1;
      isEnded = true;
    } else if (isEnded && (count === 0 || (entry & CATEGORY_P) === 0)) {
      count++;
      isEnded = false;
    }
    wordKind = kind;
  }
  return count;
}
