import type { MimeBundle } from '../display.js';
import type { Block, Document } from '../document/document.js';
import { partOf } from '../document/part.js';
import type { DocumentOptions } from '../document/run-document.js';
import { blockMarkdown } from '../markdown/block.js';
import { escapeMarkdown } from '../markdown/escape.js';
import { markdownReport } from '../markdown/markdown.js';
import { partBundle } from './part-bundle.js';

interface MarkdownCell {
  readonly cell_type: 'markdown';
  readonly id: string;
  readonly metadata: Readonly<Record<string, never>>;
  readonly source: string;
}

interface CodeCell {
  readonly cell_type: 'code';
  readonly id: string;
  readonly metadata: Readonly<Record<string, never>>;
  readonly source: string;
  readonly execution_count: number;
  readonly outputs: readonly {
    readonly output_type: 'display_data';
    readonly data: MimeBundle;
    readonly metadata: Readonly<Record<string, never>>;
  }[];
}

/** A notebook of Jupyter's format 4.5. */
export interface Notebook {
  readonly nbformat: 4;
  readonly nbformat_minor: 5;
  readonly metadata: object;
  readonly cells: readonly (MarkdownCell | CodeCell)[];
}

const metadata = {
  kernelspec: { display_name: 'trainbook (TypeScript)', language: 'typescript', name: 'trainbook' },
  language_info: { file_extension: '.ts', mimetype: 'text/typescript', name: 'typescript' },
};

/** Text of TypeScript. */
const literal = (value: unknown): string =>
  typeof value === 'string' ? `'${value.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'` : JSON.stringify(value);

/**
 * A report as a notebook that lies in the folder of its records: cells that read the records and draw each part anew, with the outputs that
 * they have.
 */
export async function notebookReport(document: Document, { price }: DocumentOptions = {}): Promise<Notebook> {
  const cells: (MarkdownCell | CodeCell)[] = [];
  let count = 0;
  const markdown = (source: string): void => {
    cells.push({ cell_type: 'markdown', id: `cell-${cells.length}`, metadata: {}, source });
  };
  const code = (source: string, outputs: readonly MimeBundle[]): void => {
    cells.push({
      cell_type: 'code',
      id: `cell-${cells.length}`,
      metadata: {},
      source,
      execution_count: ++count,
      outputs: outputs.map((data) => ({ output_type: 'display_data', data, metadata: {} })),
    });
  };
  markdown((await markdownReport({ ...document, sections: [] }, '.')).text.trimEnd());
  const options =
    price === undefined ? '' : `, { price: { perHour: ${price.perHour}, currency: ${literal(price.currency)} } }`;
  code(
    `import { readReport, reportPart, show } from 'trainbook/notebook';\n\nconst report = await readReport('.'${options});`,
    [],
  );
  for (const { title, blocks } of document.sections) {
    let texts = [`## ${escapeMarkdown(title)}`];
    const flush = (): void => {
      if (texts.length > 0) markdown(texts.join('\n\n'));
      texts = [];
    };
    for (const block of blocks) {
      const part = partOf(block);
      if (part === undefined || !('id' in block)) texts.push(await proseOf(block));
      else {
        flush();
        code(`await show(reportPart(report, ${literal(block.id)}));`, [await partBundle(part)]);
      }
    }
    flush();
  }
  return { nbformat: 4, nbformat_minor: 5, metadata, cells };
}

async function proseOf(block: Block): Promise<string> {
  return (await blockMarkdown(block, '.')).text;
}
