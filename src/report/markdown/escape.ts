/** Text of data as Markdown shows it literally, in a paragraph: what would be a mark is escaped, a line's end is a space. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_[\]<>&|~#]/g, (mark) =>
      mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : mark === '&' ? '&amp;' : `\\${mark}`,
    )
    .replace(/\s*\r?\n\s*/g, ' ')
    .replace(/^(\s*\d+)([.)])(?=\s|$)/, '$1\\$2')
    .replace(/^(\s*)([-+])(\s)/, '$1\\$2$3');
}

/** Text in a cell of a table: on one line, its own lines parted by `<br>`. */
export function escapeCell(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => escapeMarkdown(line))
    .join('<br>');
}

/** A word in backticks, also in a table. */
export function inlineCode(text: string): string {
  const ticks = '`'.repeat(Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  const space = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return text === ''
    ? ''
    : `${ticks}${space}${text.replaceAll('|', '\\|').replace(/\s*\r?\n\s*/g, ' ')}${space}${ticks}`;
}

/** A block of code, with a fence longer than any in it. */
export function codeBlock(text: string, language: string): string {
  const fence = '`'.repeat(Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  return `${fence}${language}\n${text.replace(/\n$/, '')}\n${fence}`;
}
