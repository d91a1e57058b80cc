import { describe, expect, it } from 'vitest';
import { textBlocks } from '../../../src/report/label/text-blocks.js';

const paragraph = (...texts: readonly string[]) => ({ kind: 'paragraph', spans: texts.map((text) => ({ text })) });

describe('textBlocks', () => {
  it('keeps the lines of a poem', () => {
    expect(textBlocks('床前明月光，\n疑是地上霜。')).toEqual([paragraph('床前明月光，', '\n', '疑是地上霜。')]);
  });

  it('sets code apart, and keeps it as it is', () => {
    expect(textBlocks('Use `a < b`:\n\n```ts\nif (a < b) {\n  **run**();\n}\n```\nDone.')).toEqual([
      { kind: 'paragraph', spans: [{ text: 'Use ' }, { text: 'a < b', style: 'code' }, { text: ':' }] },
      { kind: 'code', language: 'ts', text: 'if (a < b) {\n  **run**();\n}' },
      paragraph('Done.'),
    ]);
    expect(textBlocks('```\nnot closed')).toEqual([{ kind: 'code', language: '', text: 'not closed' }]);
  });

  it('has HTML, links and images as text', () => {
    const written = [
      '<script>alert(1)</script>',
      'a <b onclick="x()">bold</b> [link](javascript:x) ![image](http://other.example/x.png)',
      '<img src=x onerror="x()">',
      '&lt;b&gt; &amp; 3 < 4',
      '[name]: http://other.example',
    ];
    const shown = written.map((text) =>
      textBlocks(text)
        .flatMap((block) => ('spans' in block ? block.spans : []))
        .map(({ text: part }) => part)
        .join(''),
    );
    expect(shown).toEqual(written);
  });

  it('reads lists in lists, tasks, quotations, headings, tables and rules', () => {
    expect(
      textBlocks(
        '# Two\n\n3. one\n   - **in** it\n4. two\n\n- [x] done\n\n> said\n\n| a | b |\n|---|---|\n| 1 | *2* |\n\n---',
      ),
    ).toEqual([
      { kind: 'heading', spans: [{ text: 'Two' }] },
      {
        kind: 'list',
        start: 3,
        items: [
          [
            paragraph('one'),
            {
              kind: 'list',
              start: null,
              items: [[{ kind: 'paragraph', spans: [{ text: 'in', style: 'strong' }, { text: ' it' }] }]],
            },
          ],
          [paragraph('two')],
        ],
      },
      { kind: 'list', start: null, items: [[paragraph('☑'), paragraph('done')]] },
      { kind: 'quote', blocks: [paragraph('said')] },
      {
        kind: 'table',
        rows: [
          [[{ text: 'a' }], [{ text: 'b' }]],
          [[{ text: '1' }], [{ text: '2', style: 'em' }]],
        ],
      },
      { kind: 'rule' },
    ]);
  });

  it('shows what is nested too deep as it is written', () => {
    const deep = `${'>'.repeat(30_000)} a`;
    expect(textBlocks(deep)).toEqual([paragraph(deep)]);
  });
});
