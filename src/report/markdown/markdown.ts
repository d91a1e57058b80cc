import type { Document } from '../document/document.js';
import { formatTime } from '../format.js';
import { blockMarkdown } from './block.js';
import { escapeCell, escapeMarkdown, inlineCode } from './escape.js';

/** A report as Markdown, and the pictures that it shows, by name. */
export interface MarkdownReport {
  readonly text: string;
  readonly pictures: ReadonlyMap<string, string>;
}

/** Headlines as a table of one row. */
function headlineTable({ headlines }: Document): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(headlines.map(({ label }) => escapeCell(label))),
    row(headlines.map(() => '---')),
    row(
      headlines.map(({ value, unit, note }) => {
        const below = [unit, note].filter((part) => part !== undefined).join(', ');
        return escapeCell(below === '' ? value : `${value}\n${below}`);
      }),
    ),
  ].join('\n');
}

/**
 * A report as GitHub's Markdown.
 *
 * @param folder where the pictures will lie, relative to the text
 * @param depth of its title: 1 for a page of its own, 2 or more for a part of another text
 */
export async function markdownReport(document: Document, folder: string, depth = 1): Promise<MarkdownReport> {
  const { title, state, createdAt, about, error, headlines, sections, path, origin } = document;
  const mark = '#'.repeat(depth);
  const pictures = new Map<string, string>();
  const parts = [
    `${mark} ${escapeMarkdown(title)}`,
    [state, formatTime(createdAt), ...about.map(([label, value]) => `${label} ${escapeMarkdown(value)}`)].join(' · '),
    ...(error === undefined || error === '' ? [] : [`> **Failed:** ${escapeMarkdown(error)}`]),
    ...(headlines.length === 0 ? [] : [headlineTable(document)]),
  ];
  for (const section of sections) {
    parts.push(`${mark}# ${escapeMarkdown(section.title)}`);
    for (const block of section.blocks) {
      const { text, picture } = await blockMarkdown(block, folder);
      parts.push(block.kind === 'heading' ? text.replace(/^#+/, `${mark}##`) : text);
      if (picture !== undefined) pictures.set(picture.name, picture.svg);
    }
  }
  const { config, data } = origin;
  parts.push(
    `Written by trainbook from the records in ${inlineCode(path)} (config ${inlineCode(config)}, data ${inlineCode(data)}).`,
  );
  return { text: `${parts.join('\n\n')}\n`, pictures };
}
