import katex from 'katex';
import { Marked, type TokenizerAndRendererExtension } from 'marked';
import { TrainbookError } from '../../error.js';
import { escapeXml } from '../line-chart.js';
import { trusted } from '../markup.js';
import type { Html } from '../markup.js';
import { highlight } from './highlight.js';

/** A heading of a chapter, for its list of contents. */
export interface Heading {
  readonly level: number;
  readonly id: string;
  /** As HTML: a heading may have code or a formula. */
  readonly content: Html;
  readonly text: string;
}

/** Prose of a chapter: headings are gathered over all of its cells, so that ids are unique. */
export class Prose {
  readonly headings: Heading[] = [];
  readonly #marked: Marked;

  /**
   * @param link gives where a link of a notebook leads to in the site
   */
  constructor(link: (href: string) => string) {
    const { headings } = this;
    this.#marked = new Marked({
      extensions: [blockMath, inlineMath],
      renderer: {
        heading({ tokens, depth, text }) {
          const content = this.parser.parseInline(tokens);
          const id = uniqueId(text, headings);
          headings.push({ level: depth, id, content: trusted(content), text });
          return `<h${depth} id="${id}">${content}</h${depth}>\n`;
        },
        code({ text, lang = '' }) {
          const body = /^(?:ts|typescript|js|javascript)$/.test(lang) ? highlight(text).text : escapeXml(text);
          return `<pre><code>${body}</code></pre>\n`;
        },
        link({ href, title, tokens }) {
          const content = this.parser.parseInline(tokens);
          return `<a href="${escapeXml(link(href))}"${title == null ? '' : ` title="${escapeXml(title)}"`}>${content}</a>`;
        },
        table(token) {
          const row = (cells: readonly (typeof token.header)[number][], tag: string): string =>
            `<tr>${cells.map(({ tokens, align }) => `<${tag}${align === null ? '' : ` style="text-align:${align}"`}>${this.parser.parseInline(tokens)}</${tag}>`).join('')}</tr>`;
          const body = token.rows.map((cells) => row(cells, 'td')).join('');
          return `<div class="scroll"><table><thead>${row(token.header, 'th')}</thead><tbody>${body}</tbody></table></div>\n`;
        },
      },
    });
  }

  /** Markdown as HTML: what Jupyter shows, formulas included. */
  render(markdown: string): Html {
    return trusted(this.#marked.parse(markdown, { async: false }));
  }
}

/** `Byte-pair encoding by hand` as `byte-pair-encoding-by-hand`, with a number where there is one already. */
function uniqueId(text: string, headings: readonly Heading[]): string {
  const plain = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  const taken = headings.filter(({ id }) => id === plain || id.replace(/-\d+$/, '') === plain).length;
  return taken === 0 ? plain || 'part' : `${plain}-${taken + 1}`;
}

/** A formula as MathML: browsers draw it themselves, with the page's own colours, and readers of screens can say it. */
function formula(tex: string, displayMode: boolean): string {
  try {
    return katex.renderToString(tex, { output: 'mathml', displayMode, throwOnError: true });
  } catch (cause) {
    throw new TrainbookError({
      what: 'a formula cannot be read',
      received: tex,
      expected: 'TeX, as KaTeX knows it',
      fix: cause instanceof Error ? cause.message : 'mend the formula',
      cause,
    });
  }
}

const blockMath: TokenizerAndRendererExtension = {
  name: 'blockMath',
  level: 'block',
  start: (source) => /\$\$/.exec(source)?.index,
  tokenizer(source) {
    const match = /^\$\$([\s\S]+?)\$\$(?:\n|$)/.exec(source);
    return match === null ? undefined : { type: 'blockMath', raw: match[0], tex: match[1]?.trim() ?? '' };
  },
  renderer: (token) => `<div class="formula">${formula(String(token['tex']), true)}</div>\n`,
};

/** `$x$`: no space inside the signs, and no digit after them, so that prices stay prices. */
const inlineMath: TokenizerAndRendererExtension = {
  name: 'inlineMath',
  level: 'inline',
  start: (source) => /\$(?!\s)/.exec(source)?.index,
  tokenizer(source) {
    const match = /^\$\$?(?!\s)((?:\\.|[^\\$`\n])+?)(?<!\s)\$\$?(?!\d)/.exec(source);
    return match === null ? undefined : { type: 'inlineMath', raw: match[0], tex: match[1] ?? '' };
  },
  renderer: (token) => formula(String(token['tex']), false),
};
