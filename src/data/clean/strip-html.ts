import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { decodeEntities } from './html-entities.js';

// <p>One <b>bold</b> word &amp; more.</p><script>track()</script>   →   One bold word & more.

/** Elements whose content nobody reads on the page. */
const HIDDEN = /<(script|style|noscript|template|svg|iframe|object|head)\b[^<>]*>/giu;
const COMMENT = /<(!--)/gu;
const DECLARATION = /<!doctype[^<>]*>|<\?xml[^<>]*\?>|<!\[CDATA\[|\]\]>/giu;
/** Elements of HTML: what else stands between < and > is no tag, as in `a < b` and `vector<int>`. */
const BLOCK =
  'address|article|aside|blockquote|body|br|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|hr|html|legend|li|main|menu|nav|ol|option|p|pre|section|select|summary|table|tbody|tfoot|thead|tr|ul';
const INLINE =
  'a|abbr|acronym|audio|b|bdi|bdo|big|button|canvas|center|cite|code|col|colgroup|data|datalist|del|dfn|em|embed|font|i|img|input|ins|kbd|label|link|map|area|mark|meta|meter|optgroup|output|param|picture|progress|q|s|samp|small|source|span|strike|strong|sub|sup|td|textarea|th|time|title|track|tt|u|var|video|wbr';
const ATTRIBUTES = String.raw`(?:\s(?:[^<>"']|"[^"]*"|'[^']*')*)?`;
const BLOCK_TAG = new RegExp(`</?(?:${BLOCK})${ATTRIBUTES}/?>`, 'giu');
const CELL = new RegExp(`</t[dh]${ATTRIBUTES}>`, 'giu');
const INLINE_TAG = new RegExp(`</?(?:${INLINE})${ATTRIBUTES}/?>`, 'giu');

/**
 * Takes the markup out of texts that hold HTML: tags, comments, scripts and styles; blocks become lines, references characters. Texts without tags of HTML stay
 * as they are, and so does `a < b`. It reads no structure: for the main text of whole pages, read them as `.html` files.
 *
 * @example
 * await load('forum.jsonl').through(stripHtml(), normalise());
 */
export function stripHtml(): LocalStep {
  return localStep(
    'strip HTML',
    (document): Verdict => {
      const { text, changes } = htmlToText(document.text);
      if (text === document.text) return { keep: document };
      return text === '' ? { drop: 'no text but markup' } : { keep: { ...document, text }, changes };
    },
    { module: import.meta.url, name: 'stripHtml', options: [] },
  );
}

/** The text without its markup, and how often each kind was taken out. */
export function htmlToText(html: string): {
  readonly text: string;
  readonly changes: Readonly<Record<string, number>>;
} {
  const changes: Record<string, number> = {};
  const replace = (text: string, name: string, pattern: RegExp, replacement: string): string =>
    text.replace(pattern, () => {
      changes[name] = (changes[name] ?? 0) + 1;
      return replacement;
    });
  if (!html.includes('<')) return { text: html, changes };
  const remove = (text: string, name: string, opening: RegExp): string => {
    const { text: rest, count } = withoutElements(text, opening);
    if (count > 0) changes[name] = count;
    return rest;
  };
  let text = remove(html, 'comments', COMMENT);
  text = replace(text, 'tags', DECLARATION, '');
  text = remove(text, 'scripts and styles', HIDDEN);
  text = replace(text, 'tags', CELL, '\t');
  text = replace(text, 'tags', BLOCK_TAG, '\n');
  text = replace(text, 'tags', INLINE_TAG, '');
  if (Object.keys(changes).length === 0) return { text: html, changes };
  const decoded = decodeEntities(text);
  if (decoded.count > 0) changes['HTML entities'] = decoded.count;
  const lines = decoded.text.split('\n').map((line) => line.trim());
  return {
    text: lines
      .join('\n')
      .replace(/\n{3,}/gu, '\n\n')
      .trim(),
    changes,
  };
}

/** Without what stands between an opening tag, named by its first group, and its closing one. Each is looked for once: linear in the text. */
function withoutElements(text: string, opening: RegExp): { readonly text: string; readonly count: number } {
  const open = new RegExp(opening.source, opening.flags);
  const neverClosed = new Set<string>();
  let result = '';
  let from = 0;
  let count = 0;
  for (let start = open.exec(text); start !== null; start = open.exec(text)) {
    const name = (start[1] ?? '').toLowerCase();
    if (neverClosed.has(name)) continue;
    const close = new RegExp(name === '!--' ? '-->' : `</${name}\\s*>`, 'giu');
    close.lastIndex = open.lastIndex;
    if (close.exec(text) === null) {
      neverClosed.add(name);
      continue;
    }
    result += text.slice(from, start.index);
    from = close.lastIndex;
    open.lastIndex = from;
    count++;
  }
  return { text: result + text.slice(from), count };
}
