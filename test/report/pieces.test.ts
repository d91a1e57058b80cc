import { JSDOM } from 'jsdom';
import { describe, expect, it } from 'vitest';
import { show } from '../../src/notebook.js';
import type { TokenPieces } from '../../src/tokens/token-pieces.js';
import { pretendKernel } from './kernel-writer.js';

const pieces: TokenPieces = {
  title: 'A & B',
  pieces: [
    { id: 7, text: '<script>', kind: 'text' },
    { id: 8, text: 'E4 B8', kind: 'bytes' },
    { id: 9, text: ' the\n', kind: 'text' },
    { id: 0, text: '<|endoftext|>', kind: 'special' },
  ],
};

describe('show, of tokens piece by piece', () => {
  it('gives each token an element with its id, neighbours on different grounds, all text escaped', async () => {
    const kernel = pretendKernel();
    try {
      await show(pieces);
      const { data } = kernel.sent.at(-1) ?? { data: {} };
      const { document } = new JSDOM(String((data as Record<string, unknown>)['text/html'])).window;
      expect(document.querySelector('script')).toBeNull();
      expect(document.querySelector('figcaption')?.textContent).toBe('A & B');
      const spans = [...document.querySelectorAll('pre span')];
      expect(spans.map((span) => [span.getAttribute('title'), span.textContent])).toEqual([
        ['7', '<script>'],
        ['8', 'E4 B8'],
        ['9', ' the\\n'],
        ['0', '<|endoftext|>'],
      ]);
      expect(document.querySelector('pre')?.textContent).toContain(' the\\n\n<|endoftext|>');
      const grounds = spans.map((span) => /background:([^;]+)/.exec(span.getAttribute('style') ?? '')?.[1]);
      grounds.slice(1).forEach((ground, index) => {
        expect(ground).not.toBe(grounds[index]);
      });
      expect(spans.every((span) => span.getAttribute('style')?.includes('color:inherit'))).toBe(true);
    } finally {
      kernel.stop();
    }
  });

  it('keeps the spaces of a table, and headings above their columns', async () => {
    const kernel = pretendKernel();
    try {
      await show({ title: 'T', columns: ['word', 'times'], rows: [['a   b', 3]] });
      const { document } = new JSDOM(String(kernel.sent.at(-1)?.data['text/html'])).window;
      expect([...document.querySelectorAll('th, td')].map((cell) => cell.getAttribute('style'))).toEqual([
        'text-align:left',
        'text-align:right',
        'text-align:left;white-space:pre-wrap',
        'text-align:right',
      ]);
    } finally {
      kernel.stop();
    }
  });
});
