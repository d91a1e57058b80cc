import type { Verdict } from '../step.js';
import { compareTexts } from './compare-texts.js';

/** A stretch of a text, in UTF-16 code units. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Where in a text a rule met something: the places of the words that it names as evidence, and where it changed the text, what it
 * took away. A rule that measures the whole text has no place, only its number, in `note`.
 */
export function evidenceOf(
  text: string,
  verdict: Verdict,
  rule: string,
): { readonly spans: readonly Span[]; readonly note: string | undefined } {
  const words = 'drop' in verdict ? verdict.evidence : verdict.evidence?.[rule];
  const changed = 'drop' in verdict ? [] : changedSpans(text, verdict.keep.text);
  const named = words === undefined ? [] : spansOf(text, words);
  const spans = changed.length > 0 ? changed : named;
  const parts = [
    'drop' in verdict && verdict.score !== undefined ? `${rule}: ${Number(verdict.score.toPrecision(4))}` : undefined,
    words !== undefined && named.length === 0 ? words : undefined,
  ].filter((part) => part !== undefined);
  return { spans, note: parts.length === 0 ? undefined : parts.join(' · ') };
}

/** What of a text is not in the text that was made of it. */
function changedSpans(before: string, after: string): readonly Span[] {
  if (before === after) return [];
  const spans: Span[] = [];
  let at = 0;
  for (const { kind, text } of compareTexts(before, after).parts) {
    if (kind === 'added') continue;
    if (kind === 'removed') spans.push({ from: at, to: at + text.length });
    at += text.length;
  }
  // Marks between the pieces of a number (+1 555 123) are left by the comparison of words: one span all the same.
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last !== undefined && /^[^\n\p{L}]{0,2}$/u.test(before.slice(last.to, span.from))) {
      merged[merged.length - 1] = { from: last.from, to: span.to };
    } else merged.push(span);
  }
  return merged;
}

/** All places of some words in a text; evidence that was shortened ends in `…`. */
function spansOf(text: string, evidence: string): readonly Span[] {
  const words = evidence.replace(/^…|…$/gu, '').trim();
  if (words === '') return [];
  const spans: Span[] = [];
  for (let from = text.indexOf(words); from >= 0; from = text.indexOf(words, from + words.length)) {
    spans.push({ from, to: from + words.length });
  }
  return spans;
}
