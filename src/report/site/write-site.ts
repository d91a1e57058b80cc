import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeAtomic } from '../../files.js';
import { html, nothing } from '../markup.js';
import type { Html } from '../markup.js';
import { readNotebook } from '../notebook-file.js';
import { plotlyPath } from '../plotly-library.js';
import { chapterOf, type Chapter } from './chapter.js';
import { siteScript } from './script.js';
import { siteStyle } from './style.js';

/** What stands around the chapters. */
export interface SiteOptions {
  readonly title: string;
  /** A line under the title. */
  readonly lead?: string;
}

function bar({ title }: SiteOptions, chapters: readonly Chapter[], own?: Chapter): Html {
  const parts = own?.headings.filter(({ level }) => level === 2) ?? [];
  const contents = html`<ol>
    ${parts.map(({ id, content }) => html`<li><a href="#${id}">${content}</a></li>`)}
  </ol>`;
  const entry = (chapter: Chapter): Html =>
    html`<li>
      <a href="${chapter.file}" ${chapter === own ? html`aria-current="page"` : nothing}>${chapter.title}</a>
      ${chapter === own ? contents : nothing}
    </li>`;
  return html`<nav class="bar" aria-label="Chapters">
    <a class="home" href="index.html">${title}</a>
    <details open>
      <summary>Contents</summary>
      <ol>
        ${chapters.map(entry)}
      </ol>
    </details>
  </nav>`;
}

function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="trainbook" />
        <title>${title}</title>
        <link rel="stylesheet" href="assets/site.css" />
        <script defer src="assets/site.js"></script>
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <div class="layout">${body}</div>
      </body>
    </html> `.text;
}

function chapterPage(options: SiteOptions, chapters: readonly Chapter[], index: number): string {
  const own = chapters[index];
  if (own === undefined) throw new Error(`internal: no chapter ${index}`);
  const way = (chapter: Chapter | undefined, name: string, word: string): Html =>
    chapter === undefined
      ? nothing
      : html`<a class="${name}" rel="${name}" href="${chapter.file}"><small>${word}</small>${chapter.title}</a>`;
  const executed = own.executed === undefined ? nothing : html` Executed on the kernel ${own.executed.kernel}.`;
  return page(
    `${own.title} · ${options.title}`,
    html`${bar(options, chapters, own)}
      <main id="content">
        ${own.body}
        <div class="ways">${way(chapters[index - 1], 'prev', 'Before')}${way(chapters[index + 1], 'next', 'Next')}</div>
        <footer>Made of the notebook <code>${basename(own.file, '.html')}.ipynb</code> by trainbook.${executed}</footer>
      </main>`,
  );
}

function indexPage(options: SiteOptions, chapters: readonly Chapter[]): string {
  const { title, lead } = options;
  return page(
    title,
    html`${bar(options, chapters)}
      <main id="content">
        <h1>${title}</h1>
        ${lead === undefined ? nothing : html`<p>${lead}</p>`}
        <ol class="chapters">
          ${chapters.map(
            (chapter) =>
              html`<li>
                <a href="${chapter.file}"><b>${chapter.title}</b><span>${chapter.lead}</span></a>
              </li>`,
          )}
        </ol>
      </main>`,
  );
}

/**
 * Writes executed notebooks as a static site: `index.html`, a page for each, and what they need under `assets/`. It loads nothing from
 * elsewhere and works from a disk, and under any path.
 *
 * @returns the path of its `index.html`
 * @throws TrainbookError for a file that is no notebook, or a formula that cannot be read
 * @example
 * await writeSite(['runs/notebooks/01-quickstart.ipynb'], 'site', { title: 'trainbook' });
 */
export async function writeSite(notebooks: readonly string[], folder: string, options: SiteOptions): Promise<string> {
  const pages = new Set(notebooks.map((path) => basename(path)));
  const chapters: Chapter[] = [];
  for (const path of notebooks) chapters.push(chapterOf(path, await readNotebook(path), pages));
  for (const [index, { file }] of chapters.entries()) {
    await writeAtomic(join(folder, file), chapterPage(options, chapters, index));
  }
  await writeAtomic(join(folder, 'assets', 'site.css'), siteStyle);
  await writeAtomic(join(folder, 'assets', 'site.js'), siteScript);
  await writeAtomic(join(folder, 'assets', 'plotly.js'), await readFile(plotlyPath()));
  const index = join(folder, 'index.html');
  await writeAtomic(index, indexPage(options, chapters));
  return index;
}
