import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readAll, testFolder, textsOf } from './reading.js';

const { write } = testFolder();
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

describe('CSV and TSV', () => {
  it('give a document a row, with its line, also where fields have line feeds', async () => {
    const path = await write('a.csv', '\uFEFFtitle,text,stars\r\n"A ""walk""","Up,\r\ndown.",4\r\n\r\nB,学,\r\n');
    const read = await readAll(path);
    expect(read.map(({ document: { text, title, meta }, place }) => [text, title, meta, place.row])).toEqual([
      ['Up,\r\ndown.', 'A "walk"', { stars: '4' }, 2],
      ['学', 'B', { stars: '' }, 5],
    ]);
    expect(await textsOf(await write('b.tsv', 'body\tn\na, b\t1'), { fields: { text: 'body' } })).toEqual(['a, b']);
    expect(await textsOf(await write('c.csv', 'x;y\nz;w'), { delimiter: ';', columnNames: ['n', 'text'] })).toEqual([
      'y',
      'w',
    ]);
  });

  it('are read in blocks as they are whole, wherever these end', async () => {
    const row = (index: number): string => `"${`say ""${index}"", `.repeat(40)}\r\nand on",${index}\r\n`;
    const rows = Array.from({ length: 6000 }, (_, index) => row(index));
    const read = await readAll(await write('large.csv', `text,n\r\n${rows.join('')}`)); // 3 MB: several blocks
    expect(read).toHaveLength(6000);
    expect(read.every(({ document }, index) => document.meta?.['n'] === `${index}`)).toBe(true);
    expect(read[5999]?.place.row).toBe(2 + 2 * 5999);
    expect(read[17]?.document.text).toBe(`${'say "17", '.repeat(40)}\r\nand on`);
  });

  it('refuse or list rows of another width; columns of one name; quotes that never close', async () => {
    const ragged = await write('ragged.csv', 'text,n\na,1\nb\nc,3,4\nd,2\n');
    await expect(readAll(ragged)).rejects.toThrow(/ragged\.csv:3 has 1 fields, the table 2 columns[\s\S]*onBadRow/u);
    const read = await readAll(ragged, { onBadRow: 'reject' });
    expect(read.map(({ place, verdict }) => [place.row, 'drop' in verdict ? verdict.drop : 'kept'])).toEqual([
      [2, 'kept'],
      [3, 'wrong number of fields'],
      [4, 'wrong number of fields'],
      [5, 'kept'],
    ]);
    await expect(readAll(await write('twice.csv', 'text,text\na,b'))).rejects.toThrow(/two columns have one name/u);
    await expect(readAll(await write('open.csv', 'text\n"a\nb\n'))).rejects.toThrow(/open\.csv:2: a quotation mark/u);
  });
});

describe('JSON', () => {
  it('is an array, or objects one after the other, however they are broken into lines', async () => {
    const objects = [{ content: 'a {"[', n: [1, { b: 2 }] }, { content: '\\"}]' }, { content: '学' }];
    const fields = { fields: { text: 'content' } };
    const expected = objects.map(({ content }) => content);
    for (const [name, text] of [
      ['array.json', JSON.stringify(objects, undefined, 2)],
      ['lines.json', objects.map((object) => JSON.stringify(object)).join('\n')],
      ['joined.json', objects.map((object) => JSON.stringify(object)).join('')],
    ] as const) {
      expect(await textsOf(await write(name, text), fields)).toEqual(expected);
    }
    const read = await readAll(await write('rows.json', '[\n{"text":"a"},\n{"text":\n"b"}\n]'));
    expect(read.map(({ place }) => place.row)).toEqual([2, 3]);
  });

  it('is refused where it ends too early, or is something else', async () => {
    await expect(readAll(await write('cut.json', '[{"text":"a"},\n{"text":'))).rejects.toThrow(
      /cut\.json:2 begins an object/u,
    );
    await expect(readAll(await write('open.json', '[{"text":"a"}'))).rejects.toThrow(/ends inside of an array/u);
    await expect(readAll(await write('numbers.json', '[1, 2]'))).rejects.toThrow(
      /numbers\.json:1 is not JSON of objects/u,
    );
  });
});

describe('Markdown', () => {
  it('is a document a file; its front matter is meta', async () => {
    const text = '# Walks #\n\nUp *and* down.\n';
    const path = await write('walks.md', `---\nlang: de\ntags: [a, b]\ndate: 2024-05-18\n---\n${text}`);
    const [read] = await readAll(path);
    expect(read?.document).toMatchObject({ text, title: 'Walks', language: 'de', meta: { tags: ['a', 'b'] } });
    expect(await textsOf(await write('plain.md', text))).toEqual([text]);
    await expect(readAll(await write('bad.md', '---\na: [\n---\nb'))).rejects.toThrow(/front matter that is not YAML/u);
  });
});

describe('Arrow files of Arrow’s own JavaScript', () => {
  it('have their schema at the end alone, and are read from there', async () => {
    const { tableFromArrays, tableToIPC } = await import('apache-arrow');
    const table = tableFromArrays({ text: ['a', 'b'], n: Int32Array.of(1, 2) });
    for (const format of ['file', 'stream'] as const) {
      const path = await write(`js-${format}.arrow`, tableToIPC(table, format));
      expect((await readAll(path)).map(({ document }) => [document.text, document.meta])).toEqual([
        ['a', { n: 1 }],
        ['b', { n: 2 }],
      ]);
    }
  });
});

const paragraph =
  'The walk goes up the hill, and from there, where the old mill stands, one sees the river, the town and the sea. ';
const page = (body: string, head = ''): string =>
  `<!doctype html><html lang="en-GB"><head><title>A walk</title>${head}</head><body>
  <nav><a href="/">Home</a> <a href="/about">About us</a></nav><article><h1>A walk</h1>${body}</article>
  <footer>© The walkers. <script>track("all")</script></footer></body></html>`;

describe('HTML', () => {
  it('gives its main text with line feeds between blocks, title and language', async () => {
    const body = `<p>${paragraph.repeat(4)}</p><ul><li>First<li>Second</ul><p>Caf&eacute; <b>at</b>\n the <i>end</i>.<br>Yes. ${paragraph}</p>`;
    const [read] = await readAll(await write('walk.html', page(body)));
    expect(read?.document).toMatchObject({ title: 'A walk', language: 'en-GB' });
    const text = read?.document.text ?? '';
    expect(text).toContain('First\nSecond\n\nCafé at the end.\nYes. The walk');
    expect(text).not.toMatch(/About us|track|walkers/u);
  });

  it('is decoded as it says, and dropped where there is no article', async () => {
    const latin = Buffer.from(
      page(`<p>Caf\u00e9. ${paragraph.repeat(5)}</p>`, '<meta charset="windows-1252">'),
      'latin1',
    );
    expect((await textsOf(await write('latin.html', latin)))[0]).toContain('Café.');
    const [none] = await readAll(await write('none.html', '<html><body></body></html>'));
    expect(none?.verdict).toEqual({ drop: 'no main text' });
  });
});

describe.each(
  ['none', 'snappy', 'gzip', 'zstd', 'lz4', 'brotli']
    .map((codec) => `${codec}.parquet`)
    .concat(
      ['uncompressed', 'lz4', 'zstd'].map((codec) => `${codec}.feather`),
      'stream.arrows',
    ),
)('%s, as pyarrow wrote it', (name) => {
  it('gives its rows', async () => {
    const read = await readAll(fixture(name));
    expect(read.map(({ document, place }) => [document.text, place.row])).toEqual([
      ['First, café 学而时习之.', 1],
      ['Second.', 2],
      ['Third 😀.', 3],
    ]);
    const date = name.endsWith('.parquet') ? '2024-05-18T01:58:10.000Z' : Date.UTC(2024, 4, 18, 1, 58, 10);
    expect(read[0]?.document.meta).toEqual({
      url: 'http://example.org/1',
      score: 0.5,
      tokens: 7,
      tags: ['a', 'b'],
      big: '1152921504606846976',
      date,
    });
    expect(read[1]?.document.meta).toEqual({ score: 'NaN', tokens: 2, tags: [], big: 3 });
    expect((await readAll(fixture(name), { meta: ['tokens'] }))[2]?.document.meta).toEqual({ tokens: 4 });
    await expect(readAll(fixture(name), { fields: { text: 'body' } })).rejects.toThrow(
      /no column body[\s\S]*text, url/u,
    );
  });

  it('is refused wherever it is cut', async () => {
    const whole = await readFile(fixture(name));
    for (let length = 0; length < whole.length; length += 97) {
      const cut = await write(`cut-${name}`, whole.subarray(0, length));
      await expect(readAll(cut), `${length} bytes`).rejects.toThrow(/damaged or cut off|is empty/u);
    }
  });
});

const record = (type: string, headers: string, body: string | Buffer): Buffer => {
  const head = `WARC/1.0\r\nWARC-Type: ${type}\r\nWARC-Date: 2024-05-18T01:58:10Z\r\n${headers}`;
  return Buffer.concat([
    Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`),
    Buffer.from(body),
    Buffer.from('\r\n\r\n'),
  ]);
};
const target = (number: number): string => `WARC-Target-URI: http://example.org/${number}\r\n`;

describe('WARC and WET', () => {
  const info = record('warcinfo', 'Content-Type: application/warc-fields\r\n', 'software: test\r\n');
  const wet = [1, 2, 3].map((number) =>
    record(
      'conversion',
      `${target(number)}WARC-Identified-Content-Language: ${number === 2 ? 'zho,eng' : 'eng'}\r\nContent-Type: text/plain\r\n`,
      `Page ${number}.\r\n\r\n学`,
    ),
  );

  it('give the text of WET records, each gzipped for itself, with url, date and language', async () => {
    const path = await write('cc.warc.wet.gz', Buffer.concat([info, ...wet].map((one) => gzipSync(one))));
    const read = await readAll(path);
    expect(
      read.map(({ document: { text, language, meta }, place }) => [text, language, meta?.['url'], place.row]),
    ).toEqual([
      ['Page 1.\r\n\r\n学', 'en', 'http://example.org/1', 2],
      ['Page 2.\r\n\r\n学', 'zh', 'http://example.org/2', 3],
      ['Page 3.\r\n\r\n学', 'en', 'http://example.org/3', 4],
    ]);
    expect(read[0]?.document.meta?.['date']).toBe('2024-05-18T01:58:10Z');
  });

  it('give the main text of pages, and say what is none', async () => {
    const html = page(`<p>${paragraph.repeat(5)}</p>`);
    const http = (head: string, body: string | Buffer): Buffer =>
      Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.from(body)]);
    const type = 'Content-Type: application/http; msgtype=response\r\n';
    const size = (part: string): string => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`;
    const answers = [
      http('HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8', html),
      http(
        'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked',
        `${size(html.slice(0, 300))}${size(html.slice(300))}0\r\n\r\n`,
      ),
      http('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip', gzipSync(html)),
      http('HTTP/1.1 404 Not Found\r\nContent-Type: text/html', html),
      http('HTTP/1.1 200 OK\r\nContent-Type: image/png', 'PNG'),
      http('HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=gbk', Buffer.from([0xd1, 0xa7])),
    ];
    const path = await write(
      'cc.warc',
      Buffer.concat([info, ...answers.map((answer, index) => record('response', type + target(index), answer))]),
    );
    const read = await readAll(path);
    const texts = read.map(({ document }) => document.text);
    expect(texts[0]).toContain('The walk goes up');
    expect([texts[1], texts[2]]).toEqual([texts[0], texts[0]]);
    expect(texts[5]).toBe('学');
    expect(read.map(({ verdict }) => ('drop' in verdict ? [verdict.drop, verdict.evidence] : 'kept'))).toEqual([
      'kept',
      'kept',
      'kept',
      ['no page: HTTP status', '404'],
      ['no page: other kind', 'image/png'],
      'kept',
    ]);
  });

  it('are refused wherever a record is cut', async () => {
    const whole = Buffer.concat([info, ...wet]);
    const starts = [info.length, info.length + (wet[0]?.length ?? 0), info.length + 2 * (wet[0]?.length ?? 0)];
    for (let length = 1; length < whole.length - 4; length += 13) {
      if (starts.some((start) => start - length >= 0 && start - length <= 4)) continue; // nothing of a record is missing but its last line feeds
      await expect(readAll(await write('cut.wet', whole.subarray(0, length)))).rejects.toThrow(
        /damaged or cut off in record \d/u,
      );
    }
  });
});

describe('dumps of MediaWiki', () => {
  const wikiPage = (title: string, ns: number, text: string, more = ''): string =>
    `  <page>\n    <title>${title}</title>\n    <ns>${ns}</ns>\n    <id>${title.length}</id>\n${more}    <revision>\n      <id>9</id>\n      <timestamp>2024-01-01T00:00:00Z</timestamp>\n      <text bytes="1" xml:space="preserve">${text}</text>\n    </revision>\n  </page>\n`;
  const dump =
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="en">\n  <siteinfo><sitename>Wikipedia</sitename></siteinfo>\n' +
    wikiPage(
      'Anarchism',
      0,
      "{{Short description|x}}\n'''Anarchism''' is a [[political philosophy|philosophy]] &amp; more.&lt;ref&gt;Book&lt;/ref&gt;\n\n== History ==\nIt began.",
    ) +
    wikiPage('Anarchists', 0, '#REDIRECT [[Anarchism]]', '    <redirect title="Anarchism" />\n') +
    wikiPage('Talk:Anarchism', 1, 'I think …') +
    '</mediawiki>\n';

  it('give articles as plain text; redirects and other pages are dropped and counted', async () => {
    const read = await readAll(await write('enwiki-pages-articles.xml', dump));
    expect(read.map(({ verdict }) => ('drop' in verdict ? verdict.drop : 'kept'))).toEqual([
      'kept',
      'redirect',
      'no article: other namespace',
    ]);
    const [article] = read;
    expect(article?.document).toMatchObject({
      title: 'Anarchism',
      language: 'en',
      meta: { id: 9, date: '2024-01-01T00:00:00Z' },
    });
    expect(article?.document.text).toContain('Anarchism is a philosophy & more.');
    expect(article?.document.text).not.toMatch(/\[\[|\{\{|'''|Book/u);
    expect(article?.place.row).toBe(3);
  });

  it('are refused where they are cut or something else', async () => {
    await expect(readAll(await write('cut.xml', dump.slice(0, 700)))).rejects.toThrow(/cut\.xml:\d+ is not XML/u);
    await expect(readAll(await write('other.xml', '<feed><entry/></feed>'))).rejects.toThrow(/no dump of MediaWiki/u);
  });
});
