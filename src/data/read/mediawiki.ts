// <mediawiki xml:lang="en"> … <page><title>Anarchism</title><ns>0</ns><id>12</id>
//   <revision><id>…</id><timestamp>2024-01-01T00:00:00Z</timestamp><text>'''Anarchism''' is a [[political philosophy]] …</text></revision></page>
import { TrainbookError } from '../../error.js';
import { found, rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { defaultLargestRow } from './options.js';
import type { ReadDocument } from './read.js';
import { textBlocks } from './text-blocks.js';
import { textBytes } from './text-bytes.js';

type Wtf = (wikitext: string) => { text(options: object): string };

interface Page {
  readonly row: number;
  isRedirect: boolean;
  tooLong: boolean;
  /** By the path of its element below `page`: `title`, `ns`, `id`, `revision/text`, `revision/timestamp`. */
  readonly parts: Map<string, string>;
}

const wanted = new Set(['title', 'ns', 'id', 'revision/text', 'revision/timestamp']);

/**
 * Reads a dump of MediaWiki (Wikipedia, Wiktionary …) as a stream: an article is a document, its wikitext made plain by wtf_wikipedia. Redirects, and
 * pages that are no articles (talk, templates, categories), are dropped, and counted by the ledger. Of several revisions the last is read.
 */
export const readMediaWiki: FormatReader = async function* (file) {
  const [{ SaxesParser }, wtf] = await Promise.all([
    import('saxes'),
    import('wtf_wikipedia').then((module) => module.default as unknown as Wtf),
  ]);
  const { largestRow = defaultLargestRow } = file.options;
  const parser = new SaxesParser<{ position: true }>({ position: true });
  const path: string[] = [];
  let page: Page | undefined;
  let done: Page[] = [];
  let language: string | undefined;
  let root: string | undefined;
  parser.on('error', (cause) => {
    throw new TrainbookError({
      what: `load: ${file.path}:${parser.line} is not XML`,
      received: cause.message,
      expected: 'a whole dump of MediaWiki',
      fix: 'copy or download it again',
      cause,
    });
  });
  parser.on('opentag', ({ name, attributes }) => {
    path.push(name);
    if (path.length === 1) {
      root = name;
      const { 'xml:lang': stated } = attributes;
      language = typeof stated === 'string' ? stated : stated?.value;
    } else if (path.length === 2 && name === 'page')
      page = { row: parser.line, isRedirect: false, tooLong: false, parts: new Map() };
    else if (name === 'redirect' && page !== undefined) page.isRedirect = true;
    else if (name === 'revision' && path.length === 3) page?.parts.delete('revision/text');
  });
  parser.on('text', (text) => {
    if (page === undefined || path.length < 3) return;
    const at = path.slice(2).join('/');
    if (!wanted.has(at)) return;
    const whole = (page.parts.get(at) ?? '') + text;
    if (whole.length > largestRow) page.tooLong = true;
    page.parts.set(at, page.tooLong ? whole.slice(0, 1000) : whole);
  });
  parser.on('closetag', () => {
    if (path.length === 2 && page !== undefined) {
      done.push(page);
      page = undefined;
    }
    path.pop();
  });
  for await (const { text } of textBlocks(textBytes(file.bytes, file.path, file.options.encoding))) {
    parser.write(text);
    if (root !== undefined && root !== 'mediawiki') throw notDump(file, root);
    yield done.map((one) => pageDocument(file, one, wtf, language));
    done = [];
  }
  parser.close();
};

function pageDocument(
  file: OpenFile,
  { row, isRedirect, tooLong, parts }: Page,
  wtf: Wtf,
  language: string | undefined,
): ReadDocument {
  const wikitext = parts.get('revision/text') ?? '';
  const title = parts.get('title');
  const meta = {
    ...(parts.has('id') ? { id: Number(parts.get('id')) } : {}),
    ...(parts.has('revision/timestamp') ? { date: parts.get('revision/timestamp') ?? '' } : {}),
  };
  const known = { row, title, language, meta, raw: wikitext };
  if (isRedirect || /^\s*#redirect/iu.test(wikitext)) return found(file, { ...known, text: '', drop: 'redirect' });
  if ((parts.get('ns') ?? '0') !== '0') return found(file, { ...known, text: '', drop: 'no article: other namespace' });
  if (tooLong) {
    return rejected(file, {
      row,
      drop: 'row too long',
      what: 'begins a page that is too long',
      received: wikitext,
      expected: 'a shorter page',
      fix: 'allow more by { largestRow }',
    });
  }
  try {
    return found(file, { ...known, text: wtf(wikitext).text({}) });
  } catch (cause) {
    return rejected(file, {
      row,
      drop: 'wikitext not understood',
      what: 'begins a page whose wikitext is not understood',
      received: wikitext,
      expected: 'wikitext',
      cause,
    });
  }
}

function notDump(file: OpenFile, root: string): TrainbookError {
  return new TrainbookError({
    what: `load: ${file.path} is no dump of MediaWiki`,
    received: `<${root}>`,
    expected: '<mediawiki>',
    fix: 'other XML: make JSON Lines of it',
  });
}
