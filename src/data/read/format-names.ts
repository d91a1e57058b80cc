/** The formats that are read, and the endings that tell them. */
export const formatEndings = {
  csv: /\.csv$/iu,
  tsv: /\.tsv$/iu,
  jsonl: /\.(jsonl|ndjson)$/iu,
  json: /\.json$/iu,
  text: /\.(txt|text)$/iu,
  markdown: /\.(md|markdown)$/iu,
  html: /\.x?html?$/iu,
  parquet: /\.(parquet|pq)$/iu,
  arrow: /\.(arrow|arrows|feather|ipc)$/iu,
  warc: /\.(warc|wet|warc\.wet)$/iu,
  mediawiki: /\.xml(-p\d+p\d+)?$/iu,
} as const satisfies Readonly<Record<string, RegExp>>;

export type FormatName = keyof typeof formatEndings;

export const formatNames = Object.keys(formatEndings) as readonly FormatName[];
