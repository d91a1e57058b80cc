import { basename } from 'node:path';
import type { Json } from '../../files.js';
import { html, nothing } from '../markup.js';
import type { Html } from '../markup.js';
import type { Notebook } from '../notebook-file.js';
import { highlight } from './highlight.js';
import { Prose, type Heading } from './markdown.js';
import { outputsHtml } from './output-html.js';

/** An executed notebook as a part of the site. */
export interface Chapter {
  /** The page's file: `01-quickstart.html`. */
  readonly file: string;
  readonly title: string;
  /** The first sentences, as text, for the list of chapters. */
  readonly lead: string;
  readonly headings: readonly Heading[];
  readonly body: Html;
  readonly executed: { readonly kernel: string; readonly parameters: Readonly<Record<string, Json>> } | undefined;
}

/** Characters of a chapter's first paragraph that the list of chapters shows. */
const LEAD = 260;

/** Reads a chapter out of its notebook. `pages` are the notebooks of the site, by their names: links to them become links to pages. */
export function chapterOf(path: string, notebook: Notebook, pages: ReadonlySet<string>): Chapter {
  const prose = new Prose((href) => {
    const [file = '', anchor] = href.split('#');
    return pages.has(file) ? `${pageFile(file)}${anchor === undefined ? '' : `#${anchor}`}` : href;
  });
  const cells = notebook.cells.map((cell, index): Html => {
    if (cell.cell_type === 'markdown') return html`<div class="prose">${prose.render(cell.source)}</div>`;
    if (cell.cell_type !== 'code' || cell.source.trim() === '') return nothing;
    const count = cell.execution_count ?? undefined;
    return html`<div class="cell">
      <pre class="code" tabindex="0"><code>${highlight(cell.source.replace(/\n$/, ''))}</code></pre>
      ${count === undefined ? nothing : html`<span class="count" aria-hidden="true">[${count}]</span>`}
      ${outputsHtml(cell.outputs ?? [], `figure-${index}`)}
    </div>`;
  });
  const [first] = prose.headings;
  return {
    file: pageFile(path),
    title: first?.text ?? basename(path, '.ipynb'),
    lead: leadOf(notebook),
    headings: prose.headings,
    body: html`${cells}`,
    executed: notebook.metadata.trainbook?.executed,
  };
}

export const pageFile = (path: string): string => `${basename(path, '.ipynb')}.html`;

/** The first paragraph under the title, without marks, cut after a sentence. */
function leadOf({ cells }: Notebook): string {
  const paragraph =
    (cells[0]?.source ?? '').split(/\n\s*\n/).find((part) => !part.startsWith('#') && part.trim() !== '') ?? '';
  const text = paragraph
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*_`$]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (text.length <= LEAD) return text;
  const end = text.slice(0, LEAD).lastIndexOf('. ');
  return end > 0 ? text.slice(0, end + 1) : `${text.slice(0, LEAD)}…`;
}
