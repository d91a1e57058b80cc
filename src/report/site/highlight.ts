import ts from 'typescript';
import { html } from '../markup.js';
import type { Html } from '../markup.js';

/** The classes of tokens that have a colour. */
const classes: ReadonlyMap<ts.TokenClass, string> = new Map([
  [ts.TokenClass.Keyword, 'k'],
  [ts.TokenClass.Comment, 'c'],
  [ts.TokenClass.NumberLiteral, 'n'],
  [ts.TokenClass.BigIntLiteral, 'n'],
  [ts.TokenClass.StringLiteral, 's'],
  [ts.TokenClass.RegExpLiteral, 's'],
]);

/** Names in front of a bracket are called. */
const isCalled = (after: string): boolean => /^\s*(?:<[\w\s,[\]]*>)?\(/.test(after);

/** TypeScript as HTML: keywords, texts, numbers, comments and calls in elements with a class. */
export function highlight(code: string): Html {
  const classifier = ts.createClassifier();
  let state = ts.EndOfLineState.None;
  const lines = code.split('\n').map((line) => {
    const { entries, finalLexState } = classifier.getClassificationsForLine(line, state, true);
    state = finalLexState;
    let at = 0;
    return entries.map(({ length, classification }) => {
      const text = line.slice(at, at + length);
      at += length;
      const called = classification === ts.TokenClass.Identifier && isCalled(line.slice(at));
      // `type: 'bar'`: a property, though its name is a keyword elsewhere.
      const isProperty = classification === ts.TokenClass.Keyword && /^\s*:/.test(line.slice(at)) && text !== 'default';
      const name = called ? 'f' : isProperty ? undefined : classes.get(classification);
      return name === undefined ? html`${text}` : html`<span class="${name}">${text}</span>`;
    });
  });
  return html`${lines.map((line, index) => html`${index === 0 ? '' : '\n'}${line}`)}`;
}
