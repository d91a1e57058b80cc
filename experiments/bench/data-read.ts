import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { load, writeDocuments } from 'trainbook';
import type { Document } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { start, startModule, withChildren } from './child.js';
import type { Child } from './child.js';

/** Formats, who reads them in Python, and whether text is made of markup: then a tenth of the data is read. */
const formats = [
  { ending: 'jsonl', peer: 'datatrove' },
  { ending: 'jsonl.gz', peer: 'datatrove' },
  { ending: 'csv', peer: 'datatrove' },
  { ending: 'parquet', peer: 'datatrove' },
  { ending: 'arrow', peer: 'pyarrow' },
  { ending: 'warc.wet.gz', peer: 'datatrove (warcio)' },
  { ending: 'warc', peer: 'warcio and readability-lxml', isMarkup: true },
  { ending: 'xml', peer: 'mwxml and mwparserfromhell', isMarkup: true },
] as const;

const sizes = (quick: boolean) => ({
  megabytes: quick ? 1 : 16,
  largeMegabytes: quick ? 8 : 1024,
  rounds: quick ? 1 : 3,
});

interface Read {
  readonly seconds: number;
  readonly documents: number;
  readonly characters: number;
}

/** Reading each format as a stream, ours beside the readers of Python; and the memory that a large file takes. */
export const dataRead: Benchmark = {
  name: 'data-read',
  title: 'reading documents from files of each format, beside datatrove and other readers in Python',
  workload: (quick) => ({
    ...sizes(quick),
    text: 'Brown, Chinese classics and English Wikipedia, over and over; of pages and wikitext a tenth',
    formats: formats.map(({ ending, peer }) => `${ending}: ${peer}`),
    threads: 'one each',
  }),
  run: async ({ quick, peer, folder, say }) => {
    const { megabytes, largeMegabytes, rounds } = sizes(quick);
    const { documents } = await load(['brown', 'zh_classics', 'enwiki']);
    const script = fileURLToPath(new URL('data_read_peer.py', import.meta.url));
    const ours = (): Child => startModule(new URL('data-read-worker.ts', import.meta.url).href);
    const theirs = (): Child[] => (peer === undefined ? [] : [start(peer.python, [script])]);
    const measurements: Measurement[] = [];
    const notes = peer === undefined ? ['no peer: --peer-python names a Python that has datatrove'] : [];
    const children = [ours(), ...theirs()];
    await withChildren(children, async () => {
      for (const { ending, peer: reader, ...rest } of formats) {
        const isMarkup = 'isMarkup' in rest;
        const path = join(folder, `data.${ending}`);
        const textMegabytes = await makeFile(path, ending, repeated(documents, isMarkup ? megabytes / 10 : megabytes));
        for (const child of children) await child.ask('read', { path, ending }); // libraries are loaded, code is compiled
        const speeds = children.map((): number[] => []);
        const counts = new Set<string>();
        for (let round = 0; round < rounds; round++) {
          say(`.${ending}, round ${round + 1} of ${rounds}`);
          for (const [index, child] of children.entries()) {
            const { seconds, documents: count, characters } = await child.ask<Read>('read', { path, ending });
            speeds[index]?.push(textMegabytes / seconds);
            // JavaScript counts characters beyond the first plane as two.
            counts.add(
              isMarkup ? `${count} documents` : `${count} documents, ${Math.round(characters / 1000)},000 characters`,
            );
          }
        }
        if (counts.size > 1) notes.push(`.${ending}: not the same was read: ${[...counts].join(' and ')}`);
        speeds.forEach((values, index) => {
          measurements.push(summarise(`.${ending}: ${index === 0 ? 'ours' : reader}`, values, { unit: 'MB/s' }));
        });
        const [own = [], other] = speeds;
        if (other !== undefined) measurements.push(summarise(`.${ending}: ours : ${reader}`, ratios(own, other)));
      }
    });
    say(`memory on ${largeMegabytes} MB`);
    const large = join(folder, 'large.jsonl');
    await makeFile(large, 'jsonl', repeated(documents, largeMegabytes));
    for (const [index, child] of [ours(), ...theirs()].entries()) {
      await withChildren([child], async () => {
        await child.ask('read', { path: large, ending: 'jsonl' });
        const value = await child.ask<number>('peak', {});
        const { size } = await stat(large);
        const figure = `highest memory of the process, ${Math.round(size / 1e6)} MB of .jsonl: ${index === 0 ? 'ours' : 'datatrove'}`;
        measurements.push({ figure, value, unit: 'MB', ...(index === 0 ? { goal: { atMost: 300 } } : {}) });
      });
    }
    return { measurements, notes };
  },
};

/** The documents over and over, to so many megabytes of text; each has its number, so that no two are equal. */
function* repeated(documents: readonly Document[], megabytes: number): Generator<Document> {
  let numBytes = 0;
  for (let number = 0; numBytes < megabytes * 1e6; number++) {
    const one = documents[number % documents.length];
    if (one === undefined) return;
    const text = `${number}. ${one.text}`;
    numBytes += Buffer.byteLength(text);
    yield { ...one, text };
  }
}

/** Writes a file; gives the megabytes of its texts. */
async function makeFile(path: string, ending: string, documents: Iterable<Document>): Promise<number> {
  let numBytes = 0;
  const counted = function* (): Generator<Document> {
    for (const document of documents) {
      numBytes += Buffer.byteLength(document.text);
      yield document;
    }
  };
  const encode = encoders[ending];
  if (encode === undefined) await writeDocuments(counted(), path);
  else {
    const file = await open(path, 'w');
    await file.writeFile(encode.begin);
    for (const document of counted()) await file.writeFile(encode.one(document));
    await file.writeFile(encode.end);
    await file.close();
  }
  return numBytes / 1e6;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const record = (type: string, headers: string, body: string): string =>
  `WARC/1.0\r\nWARC-Type: ${type}\r\nWARC-Target-URI: http://example.org/\r\nWARC-Date: 2024-05-18T01:58:10Z\r\n` +
  `WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}\r\n\r\n`;

interface Encode {
  readonly begin: string;
  readonly end: string;
  readonly one: (document: Document) => string | Buffer;
}

/** Formats that trainbook reads and does not write. */
const encoders: Readonly<Record<string, Encode>> = {
  csv: {
    begin: 'id,text\n',
    end: '',
    one: ({ id, text }) => `${id},"${text.replaceAll('"', '""')}"\n`,
  },
  'warc.wet.gz': {
    begin: '',
    end: '',
    one: ({ text }) => gzipSync(record('conversion', 'Content-Type: text/plain\r\n', text)),
  },
  warc: {
    begin: '',
    end: '',
    one: ({ text, title = 'A page' }) => {
      const paragraphs = text.split('\n').map((line) => `<p>${escaped(line)}</p>`);
      const page = `<!doctype html><html lang="en"><head><title>${escaped(title)}</title></head><body><nav><a href="/">Home</a></nav><article>${paragraphs.join('\n')}</article></body></html>`;
      const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${page}`;
      return record('response', 'Content-Type: application/http; msgtype=response\r\n', answer);
    },
  },
  xml: {
    begin:
      '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en"><siteinfo><sitename>W</sitename><dbname>w</dbname><base>b</base><generator>g</generator><case>first-letter</case><namespaces><namespace key="0" case="first-letter" /></namespaces></siteinfo>\n',
    end: '</mediawiki>\n',
    one: ({ id, text, title = id }) => {
      const wikitext = `{{Short description|A page}}\n'''${title}''' is a [[page|thing]].<ref>A book</ref>\n\n== One ==\n${text}`;
      return `<page><title>${escaped(title)}</title><ns>0</ns><id>1</id><revision><id>1</id><timestamp>2024-05-18T01:58:10Z</timestamp><contributor><username>a</username><id>1</id></contributor><model>wikitext</model><format>text/x-wiki</format><text bytes="1" xml:space="preserve">${escaped(wikitext)}</text><sha1>a</sha1></revision></page>\n`;
    },
  },
};
