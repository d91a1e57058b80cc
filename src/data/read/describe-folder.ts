import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TrainbookError } from '../../error.js';
import { writeAtomic } from '../../files.js';
import type { Json } from '../../files.js';
import { cardFile, parseCard } from '../dataset.js';
import type { Card } from '../dataset.js';
import { compareText } from '../document.js';
import type { Document } from '../document.js';
import { formatOf } from './formats.js';
import { filesBelow } from './glob.js';
import { readInput } from './inputs.js';

export interface DescribeFolderOptions {
  /** Default: made of the folder's name. */
  readonly name?: string;
  readonly title?: string;
  readonly description?: string;
  /** Where the data come from: who made them, and the address they were had from. */
  readonly source: string;
  /** Who may use them how. */
  readonly licence: string;
  /** BCP 47; by default the languages that the documents state. */
  readonly languages?: readonly string[];
  /** The domain of documents that do not say their own. */
  readonly domain?: string;
  /** How the files are read, where that is not as their names and fields say. */
  readonly reading?: NonNullable<Card['reading']>;
  /** What the fields hold; those that are not given are listed without a word. */
  readonly fields?: Readonly<Record<string, string>>;
}

/**
 * The card of a folder of files: its source and licence as they are given; its rows, bytes, languages and the hash of each file as they are found,
 * by reading all of it once. With the card in the folder (`writeCard`), `load(folder)` notices files that were changed or cut off.
 *
 * @throws TrainbookError for a folder without files that are read, and as `load` does for files that cannot be.
 * @example
 * const card = await describeFolder('reviews', { source: 'our shop, 2020 to 2024', licence: 'our own', reading: { fields: { text: 'body' } } });
 * await writeCard('reviews', card);
 * const corpus = await load('reviews');
 */
export async function describeFolder(folder: string, options: DescribeFolderOptions): Promise<Card> {
  const { source, licence, domain, reading } = options;
  const name = options.name ?? nameOf(folder);
  const counted = new Counts(options.fields ?? {});
  const files: Card['files'] = [];
  for (const path of await filesBelow(folder)) {
    if (basename(path) === cardFile || (reading?.format === undefined && formatOf(path) === undefined)) continue;
    const { size } = await stat(path);
    const origin = { source: name, domain: domain ?? name };
    let rows = 0;
    for await (const { document } of readInput({ path, bytes: size, origin }, reading)) {
      rows++;
      counted.add(document);
    }
    const sha256 = createHash('sha256');
    await pipeline(createReadStream(path), sha256);
    files.push({ file: relative(folder, path).replaceAll('\\', '/'), bytes: size, sha256: sha256.digest('hex'), rows });
  }
  if (files.length === 0 || counted.bytes === 0) {
    throw new TrainbookError({
      what: 'describeFolder: there is nothing to describe',
      received: folder,
      expected: 'a folder with files that load reads, with texts',
    });
  }
  const [language = 'und', ...others] = options.languages ?? counted.languages();
  const card = {
    name,
    title: options.title ?? basename(resolve(folder)),
    description: options.description ?? `${counted.rows} documents in ${files.length} files.`,
    source,
    licence,
    language: others.length === 0 ? language : [language, ...others],
    ...(domain === undefined ? {} : { domain }),
    rows: counted.rows,
    bytes: counted.bytes,
    files,
    ...(reading === undefined ? {} : { reading }),
    fields: counted.fields(),
    example: counted.example(),
  };
  return parseCard(card, join(folder, cardFile));
}

/**
 * Writes a card into the folder that it describes.
 *
 * @example
 * await writeCard('reviews', await describeFolder('reviews', { source: 'our shop', licence: 'our own' }));
 */
export async function writeCard(folder: string, card: Card): Promise<void> {
  await writeAtomic(join(folder, cardFile), `${JSON.stringify(card, undefined, 2)}\n`);
}

function nameOf(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '_')
    .replace(/^_|_$/gu, '');
  return name === '' ? 'data' : name;
}

/** Characters of a text that stand in a card as its example. */
const exampleCharacters = 160;

/** What is counted over all documents. */
class Counts {
  rows = 0;
  bytes = 0;
  private readonly byLanguage = new Map<string, number>();
  private readonly names: Set<string>;
  private first: Document | undefined;

  constructor(private readonly told: Readonly<Record<string, string>>) {
    this.names = new Set(Object.keys(told));
  }

  add(document: Document): void {
    const { text, language, title, meta = {} } = document;
    this.rows++;
    this.bytes += Buffer.byteLength(text);
    if (language !== undefined) this.byLanguage.set(language, (this.byLanguage.get(language) ?? 0) + 1);
    this.names.add('text');
    if (title !== undefined) this.names.add('title');
    for (const name of Object.keys(meta)) this.names.add(name);
    if (text.trim() !== '') this.first ??= document;
  }

  languages(): readonly string[] {
    return [...this.byLanguage]
      .sort(([a, countA], [b, countB]) => countB - countA || compareText(a, b))
      .map(([language]) => language);
  }

  fields(): Record<string, string> {
    const known: Readonly<Record<string, string>> = { text: 'the text', title: 'the title' };
    return Object.fromEntries(
      [...this.names].map((name) => [name, this.told[name] ?? known[name] ?? 'as in the files']),
    );
  }

  example(): Record<string, Json> {
    if (this.first === undefined) return {};
    const { text, title, meta } = this.first;
    const shown = text.length > exampleCharacters ? `${text.slice(0, exampleCharacters)}…` : text;
    return { ...(title === undefined ? {} : { title }), text: shown, ...meta };
  }
}
