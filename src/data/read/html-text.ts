/** What a page says, without what stands around it on every page of its site. */
export interface MainText {
  readonly text: string;
  readonly title: string | undefined;
  /** As the page states it: BCP 47. */
  readonly language: string | undefined;
}

/** The parts of the DOM that are used here. */
interface Node {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly nodeValue: string | null;
  readonly childNodes: Iterable<Node>;
}

/** Elements that begin and end lines, with the number of line feeds around them. */
const blocks: ReadonlyMap<string, number> = new Map([
  ...['P', 'H1', 'H2', 'H3', 'H4', 'H5', 'H6', 'UL', 'OL', 'DL', 'TABLE', 'BLOCKQUOTE', 'PRE', 'FIGURE'].map(
    (name) => [name, 2] as const,
  ),
  ...[
    'DIV',
    'SECTION',
    'ARTICLE',
    'LI',
    'TR',
    'DT',
    'DD',
    'FIGCAPTION',
    'HEADER',
    'FOOTER',
    'MAIN',
    'ASIDE',
    'FORM',
    'HR',
  ].map((name) => [name, 1] as const),
]);
const hidden = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'HEAD', 'SVG', 'MATH', 'IFRAME', 'OBJECT']);

let libraries: Promise<readonly [typeof import('linkedom'), typeof import('@mozilla/readability')]> | undefined;

/**
 * The main text of an HTML page, by Mozilla's Readability (the reader view of Firefox) over linkedom; paragraphs, list items and
 * rows become lines. Undefined where Readability finds no article. No script of the page runs, and nothing is fetched.
 */
export async function mainText(html: string): Promise<MainText | undefined> {
  libraries ??= Promise.all([import('linkedom'), import('@mozilla/readability')]);
  const [{ parseHTML }, { Readability }] = await libraries;
  // linkedom gives a document without a body for a fragment.
  const whole = /<(html|body)[\s>]/iu.test(html)
    ? html
    : `<!doctype html><html><head></head><body>${html}</body></html>`;
  const { document } = parseHTML(whole);
  if (!('documentElement' in document) || document.documentElement === null) return undefined;
  const stated = document.documentElement.getAttribute('lang')?.trim() ?? '';
  const article = new Readability<Node>(document as unknown as ConstructorParameters<typeof Readability<Node>>[0], {
    serializer: (element) => element as unknown as Node,
  }).parse();
  if (article?.content === null || article?.content === undefined) return undefined;
  const text = elementText(article.content);
  const title = article.title?.trim() ?? '';
  const language = /^[a-zA-Z]{2,3}(-[a-zA-Z0-9]+)*$/u.test(stated) ? stated : undefined;
  return { text, title: title === '' ? undefined : title, language };
}

/** The text below a node, with line feeds where a browser begins lines. */
export function elementText(root: Node): string {
  const parts: string[] = [];
  let feeds = 0;
  let space = false;
  const feed = (count: number): void => {
    feeds = Math.max(feeds, count);
  };
  const walk = (node: Node, isPre: boolean): void => {
    if (node.nodeType === 3) {
      const value = node.nodeValue ?? '';
      const collapsed = isPre ? value : value.replace(/[ \t\r\n\f]+/gu, ' ');
      const atLineStart = feeds > 0 || parts.length === 0;
      const shown = !isPre && (atLineStart || space) ? collapsed.replace(/^ /u, '') : collapsed;
      if (shown === '') return;
      if (parts.length > 0) parts.push('\n'.repeat(feeds));
      feeds = 0;
      space = !isPre && shown.endsWith(' ');
      parts.push(shown);
      return;
    }
    if (node.nodeType !== 1 && node.nodeType !== 9 && node.nodeType !== 11) return;
    const name = node.nodeName.toUpperCase();
    if (hidden.has(name)) return;
    if (name === 'BR') feed(feeds + 1);
    const around = blocks.get(name) ?? 0;
    feed(around);
    if ((name === 'TD' || name === 'TH') && feeds === 0 && !space && parts.length > 0) parts.push('\t');
    for (const child of node.childNodes) walk(child, isPre || name === 'PRE');
    feed(around);
  };
  walk(root, false);
  return parts
    .join('')
    .replace(/[ \t]+\n/gu, '\n')
    .trim();
}

/** The text of a page's bytes: in the encoding that is named, that the page names in its head, or UTF-8 where that is none. */
export function decodeHtml(bytes: Buffer, named: string | undefined): string {
  const head = bytes.subarray(0, 2048).toString('latin1');
  const label = named ?? /<meta[^>]+charset\s*=\s*["']?\s*([\w:.-]+)/iu.exec(head)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return new TextDecoder('utf-8').decode(bytes);
  }
}
