import type { Document } from './document.js';

/** The report in short: its summary, and the few blocks that carry the result. */
export function excerptOf(document: Document): Document {
  const chosen = new Map(document.excerpt.map(({ section, blocks }) => [section, blocks]));
  const sections = document.sections.flatMap((section) => {
    if (section.id === 'summary') return [section];
    const ids = chosen.get(section.id) ?? [];
    const blocks = section.blocks.filter((block) => 'id' in block && ids.includes(block.id));
    return blocks.length === 0 ? [] : [{ ...section, blocks }];
  });
  return { ...document, sections };
}
