import { lexer } from 'marked';
import type { Token, Tokens } from 'marked';

/** A stretch of a line, and how it looks. */
export interface TextSpan {
  readonly text: string;
  readonly style?: 'strong' | 'em' | 'code' | 'del';
}

/** A part of a text as it is shown: everything in it is text, nothing is HTML. */
export type TextBlock =
  | { readonly kind: 'paragraph' | 'heading'; readonly spans: readonly TextSpan[] }
  | { readonly kind: 'code'; readonly text: string; readonly language: string }
  | { readonly kind: 'list'; readonly start: number | null; readonly items: readonly (readonly TextBlock[])[] }
  | { readonly kind: 'quote'; readonly blocks: readonly TextBlock[] }
  | { readonly kind: 'table'; readonly rows: readonly (readonly (readonly TextSpan[])[])[] }
  | { readonly kind: 'rule' };

/**
 * A text as blocks, by its Markdown: code stands apart, lists are lists, line breaks stay. HTML, links and images stay as they are written,
 * for whoever judges an answer is to see all of it.
 *
 * @example
 * textBlocks('Use **this**:\n\n```ts\nrun();\n```');
 * // [{ kind: 'paragraph', spans: [{ text: 'Use ' }, { text: 'this', style: 'strong' }, { text: ':' }] }, { kind: 'code', language: 'ts', text: 'run();' }]
 */
export function textBlocks(text: string): readonly TextBlock[] {
  try {
    return blocksOf(lexer(text, { gfm: true, breaks: true }));
  } catch {
    return [plain(text)]; // nested deeper than the stack
  }
}

function blocksOf(tokens: readonly Token[]): readonly TextBlock[] {
  return tokens.flatMap((token) => blockOf(token) ?? []);
}

function blockOf(token: Token): TextBlock | undefined {
  switch (token.type) {
    case 'space':
      return undefined;
    case 'heading':
      return { kind: 'heading', spans: spansOf(token.tokens ?? []) };
    case 'paragraph':
    case 'text':
      return { kind: 'paragraph', spans: spansOf(token.tokens ?? [token]) };
    case 'code': {
      const { text, lang } = token as Tokens.Code;
      return { kind: 'code', text, language: lang ?? '' };
    }
    case 'list': {
      const { ordered, start, items } = token as Tokens.List;
      return { kind: 'list', start: ordered ? Number(start) : null, items: items.map(itemOf) };
    }
    case 'blockquote':
      return { kind: 'quote', blocks: blocksOf(token.tokens ?? []) };
    case 'table': {
      const { header, rows } = token as Tokens.Table;
      return { kind: 'table', rows: [header, ...rows].map((row) => row.map((cell) => spansOf(cell.tokens))) };
    }
    case 'hr':
      return { kind: 'rule' };
    default:
      return plain(token.raw);
  }
}

function itemOf({ tokens, task, checked }: Tokens.ListItem): readonly TextBlock[] {
  const blocks = blocksOf(tokens.filter(({ type }) => type !== 'checkbox'));
  return task ? [{ kind: 'paragraph', spans: [{ text: checked === true ? '☑' : '☐' }] }, ...blocks] : blocks;
}

const plain = (raw: string): TextBlock => ({ kind: 'paragraph', spans: [{ text: raw.trimEnd() }] });

function spansOf(tokens: readonly Token[]): readonly TextSpan[] {
  return tokens.flatMap((token): readonly TextSpan[] => {
    switch (token.type) {
      case 'strong':
      case 'em':
      case 'del': {
        const style = token.type;
        const inner = spansOf((token as Tokens.Strong).tokens);
        return inner.map((span) => (span.style === undefined ? { ...span, style } : span));
      }
      case 'codespan':
        return [{ text: (token as Tokens.Codespan).text, style: 'code' }];
      case 'br':
        return [{ text: '\n' }];
      case 'escape':
        return [{ text: (token as Tokens.Escape).text }];
      case 'text':
        return token.tokens === undefined ? [{ text: token.raw }] : spansOf(token.tokens);
      default:
        return [{ text: token.raw }]; // links, images, HTML
    }
  });
}
