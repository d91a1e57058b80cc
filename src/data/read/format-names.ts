/** The formats that are read, and the endings that tell them. */
export const formatEndings = {
  jsonl: /\.(jsonl|ndjson)$/iu,
  text: /\.(txt|text)$/iu,
  markdown: /\.(md|markdown)$/iu,
} as const satisfies Readonly<Record<string, RegExp>>;

export type FormatName = keyof typeof formatEndings;

export const formatNames = Object.keys(formatEndings) as readonly FormatName[];
