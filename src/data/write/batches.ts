import type { Document } from '../document.js';

/** The columns of documents as Parquet and Arrow hold them; `meta` is JSON. */
export interface DocumentColumns {
  readonly id: string[];
  readonly text: string[];
  readonly source: string[];
  readonly domain: string[];
  readonly language: (string | null)[];
  readonly title: (string | null)[];
  readonly meta: (string | null)[];
}

/** Documents and characters of a row group or batch: readers hold one of them. */
const mostDocuments = 8192;
const mostCharacters = 16_777_216;

/** Documents, so many at a time that readers need little memory. */
export async function* batchesOf(documents: AsyncIterable<Document>): AsyncGenerator<DocumentColumns, void> {
  let batch = noColumns();
  let numCharacters = 0;
  for await (const { id, text, source, domain, language, title, meta } of documents) {
    batch.id.push(id);
    batch.text.push(text);
    batch.source.push(source);
    batch.domain.push(domain);
    batch.language.push(language ?? null);
    batch.title.push(title ?? null);
    batch.meta.push(meta === undefined ? null : JSON.stringify(meta));
    numCharacters += text.length;
    if (batch.id.length < mostDocuments && numCharacters < mostCharacters) continue;
    yield batch;
    batch = noColumns();
    numCharacters = 0;
  }
  if (batch.id.length > 0) yield batch;
}

function noColumns(): DocumentColumns {
  return { id: [], text: [], source: [], domain: [], language: [], title: [], meta: [] };
}
