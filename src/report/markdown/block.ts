import { describe } from '../describe-figure.js';
import type { Block, Origin, Samples, TableBlock } from '../document/document.js';
import { formatValue, words } from '../format.js';
import { numericColumns } from '../numeric-columns.js';
import { neutralInk } from '../palette.js';
import { smoothedFigure } from '../smoothing.js';
import { figureToSvg } from '../svg.js';
import { codeBlock, escapeCell, escapeMarkdown, inlineCode } from './escape.js';

/** A block as Markdown, and the picture that lies beside it. */
export interface Written {
  readonly text: string;
  readonly picture?: { readonly name: string; readonly svg: string };
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function tableText({ table, codes = [] }: Pick<TableBlock, 'table' | 'codes'>): string {
  const numeric = numericColumns(table);
  const rows = table.rows.map((cells) =>
    row(
      cells.map((cell, column) =>
        codes.includes(table.columns[column] ?? '') && cell !== '–'
          ? inlineCode(String(cell))
          : escapeCell(formatValue(cell)),
      ),
    ),
  );
  const rule = row(numeric.map((right) => (right ? '---:' : '---')));
  return [row(table.columns.map(escapeCell)), rule, ...rows].join('\n');
}

function samplesText({ columns, rows }: Samples): string {
  if (columns.length > 1) {
    return tableText({
      table: {
        title: '',
        columns: ['prompt', ...columns],
        rows: rows.map(({ prompt, texts }) => [prompt, ...texts.map((text) => text ?? '–')]),
      },
    });
  }
  return rows
    .map(({ prompt, texts: [text = ''] }) => {
      const head = prompt === '' || text.startsWith(prompt) ? '' : `${escapeMarkdown(prompt)}:\n\n`;
      return head + codeBlock(text, 'text');
    })
    .join('\n\n');
}

const picture = (title: string, told: string, id: string, svg: string, origin: Origin, folder: string): Written => {
  const words = [title, told].filter((part) => part !== '').join(': ');
  const from = `run ${inlineCode(origin.run)}, config ${inlineCode(origin.config)}, data ${inlineCode(origin.data)}`;
  return {
    text: `![${escapeMarkdown(words)}](${folder}/${id}.svg)\n\n**${escapeMarkdown(title)}** (${from})`,
    picture: { name: `${id}.svg`, svg },
  };
};

/** What each kind of block is in Markdown; `folder` is where pictures lie. */
const writers: {
  readonly [K in Block['kind']]: (block: Extract<Block, { kind: K }>, folder: string) => Written | Promise<Written>;
} = {
  text: ({ text }) => ({ text: escapeMarkdown(text) }),
  heading: ({ text, note }) => ({ text: `### ${escapeMarkdown(note === undefined ? text : `${text}: ${note}`)}` }),
  warning: ({ text }) => ({ text: `> **Mind:** ${escapeMarkdown(text)}` }),
  code: ({ text, label }) => ({
    text:
      label === undefined
        ? codeBlock(text, 'sh')
        : `<details><summary>${escapeMarkdown(label)}</summary>\n\n${codeBlock(text, '')}\n\n</details>`,
  }),
  facts: ({ facts, shape }) => ({
    text: tableText({
      table: {
        title: '',
        columns: ['', ''],
        rows: Object.entries(facts).map(([label, value]) => [
          shape === 'paths' ? label : words(label),
          formatValue(value),
        ]),
      },
    }),
  }),
  table: (block) => ({ text: `**${escapeMarkdown(block.table.title)}**\n\n${tableText(block)}` }),
  figure: async ({ id, figure, origin, smoothing }, folder) =>
    picture(
      figure.title,
      describe(figure),
      id,
      await figureToSvg(smoothedFigure(figure, smoothing ?? 1)),
      origin,
      folder,
    ),
  drawing: ({ id, drawing, origin }, folder) =>
    picture(drawing.title, drawing.description, id, drawing.draw(neutralInk), origin, folder),
  samples: (block) => ({ text: samplesText(block) }),
};

/** One block as Markdown. */
export async function blockMarkdown(block: Block, folder: string): Promise<Written> {
  // The writer of a kind takes blocks of that kind, which the compiler does not follow through the lookup.
  const write = writers[block.kind] as (block: Block, folder: string) => Written | Promise<Written>;
  return write(block, folder);
}
