import ts from 'typescript';
import { html } from '../markup.js';
import type { Html } from '../markup.js';

/** The classes of tokens that have a colour, by the compiler's own numbers (`ts.ClassificationType`). */
const classes: ReadonlyMap<number, string> = new Map([
  [1, 'c'], // comment
  [3, 'k'], // keyword
  [4, 'n'], // number
  [25, 'n'], // bigint
  [6, 's'], // text
  [7, 's'], // regular expression
]);
const [IDENTIFIER, KEYWORD] = [2, 3];

/** Names in front of a bracket are called. */
const isCalled = (after: string): boolean => /^\s*(?:<[\w\s,[\]]*>)?\(/.test(after);

/** TypeScript as HTML: keywords, texts, numbers, comments and calls in elements with a class. */
export function highlight(code: string): Html {
  const classifier = ts.createClassifier();
  let state = ts.EndOfLineState.None;
  const lines = code.split('\n').map((line) => {
    const { spans, endOfLineState } = classifier.getEncodedLexicalClassifications(line, state, true);
    state = endOfLineState;
    const parts: Html[] = [];
    let at = 0;
    for (let index = 0; index < spans.length; index += 3) {
      const [start = 0, length = 0, kind = 0] = spans.slice(index, index + 3);
      const text = line.slice(start, start + length);
      const after = line.slice(start + length);
      const called = kind === IDENTIFIER && isCalled(after);
      // `type: 'bar'`: a property, though its name is a keyword elsewhere.
      const isProperty = kind === KEYWORD && /^\s*:/.test(after) && text !== 'default';
      const name = called ? 'f' : isProperty ? undefined : classes.get(kind);
      parts.push(
        html`${line.slice(at, start)}`,
        name === undefined ? html`${text}` : html`<span class="${name}">${text}</span>`,
      );
      at = start + length;
    }
    return [...parts, html`${line.slice(at)}`];
  });
  return html`${lines.map((line, index) => html`${index === 0 ? '' : '\n'}${line}`)}`;
}
