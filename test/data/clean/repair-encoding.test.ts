import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntities } from '../../../src/data/clean/html-entities.js';
import { repairEncoding, repairText } from '../../../src/data/clean/repair-encoding.js';
import { document } from '../../../src/data/document.js';
import { load } from '../../../src/data/read/load.js';

interface Row {
  readonly kind: string;
  readonly text: string;
  readonly was: string;
  /** What ftfy makes of it: `as it was`, or a text. */
  readonly ftfy: string;
}
const rows = JSON.parse(await readFile(new URL('fixtures/encoding.json', import.meta.url), 'utf8')) as readonly Row[];

describe('repairEncoding', () => {
  it.each([...new Set(rows.map(({ kind }) => kind))])('%s: the text that it was', (kind) => {
    const same = rows.filter((row) => row.kind === kind);
    const ours = same.filter(({ text, was }) => repairText(text).text === was).length;
    const theirs = same.filter(({ ftfy }) => ftfy === 'as it was').length;
    expect(ours).toBe(same.length);
    expect(ours).toBeGreaterThanOrEqual(theirs);
  });

  it('leaves right texts alone', async () => {
    for (const name of ['brown', 'zh_classics', 'pii_templates', 'sensitive_words']) {
      const { documents } = await load(name);
      const changed = documents.filter(({ text }) => repairText(text, { entities: false }).text !== text);
      expect(changed.map(({ text }) => text)).toEqual([]);
    }
  });

  it('knows the references of HTML 4, with their semicolon', () => {
    expect(
      decodeEntities('&euro;&Aacute;&yuml;&Omega;&omega;&there4;&diams;&#x41;&#65;&#150;&lt; &nope; &amp &#xD800;'),
    ).toEqual({
      text: '€ÁÿΩω∴♦AA–< &nope; &amp &#xD800;',
      count: 11,
    });
  });

  it('counts what it mends, and keeps the id', async () => {
    const broken = document({ text: 'schÃ¶n &amp; gut', source: 's', domain: 'd' });
    expect(await repairEncoding().judge([broken])).toEqual([
      { keep: { ...broken, text: 'schön & gut' }, changes: { 'HTML entities': 1, 'UTF-8 read as Windows-1252': 1 } },
    ]);
    expect(await repairEncoding({ entities: false }).judge([broken])).toMatchObject([
      { keep: { text: 'schön &amp; gut' } },
    ]);
  });

  it('throws on no string, and does not touch ASCII without references', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        repairText(text);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        fc.pre(!text.includes('&'));
        expect(repairText(text).text).toBe(text);
      }),
    );
  });
});
