import { JSDOM } from 'jsdom';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { show } from '../../src/notebook.js';
import { llama3Chat } from '../../src/tokens/chat-templates.js';
import type { MarkedText } from '../../src/tokens/marked-text.js';
import { pretendKernel } from './kernel-writer.js';

const text: MarkedText = {
  title: 'A & B',
  segments: [
    { text: '<|im_start|>', counted: false, special: true },
    { text: 'user\n<script>alert("你好")</script>\u001b', counted: false, special: false },
    { text: '👩‍👩‍👧 & more', counted: true, special: false },
    { text: '<|im_end|>', counted: true, special: true },
  ],
};

/** The HTML that a notebook was sent last. */
async function drawn(value: Parameters<typeof show>[0]): Promise<Document> {
  const kernel = pretendKernel();
  try {
    await show(value);
    return new JSDOM(String(kernel.sent.at(-1)?.data['text/html'])).window.document;
  } finally {
    kernel.stop();
  }
}

const texts = (document: Document, selector: string): readonly (string | null)[] =>
  [...document.querySelectorAll(selector)].map((element) => element.textContent);

describe('show, of a marked text', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('draws it in a notebook: what is learnt in mark, special tokens in code, all text escaped', async () => {
    const document = await drawn(text);
    expect(document.querySelector('script')).toBeNull();
    expect(texts(document, 'pre')).toEqual([
      '<|im_start|>user\\n\n<script>alert("你好")</script>\\x1b👩‍👩‍👧 & more<|im_end|>',
    ]);
    expect(texts(document, 'pre mark')).toEqual(['👩‍👩‍👧 & more', '<|im_end|>']);
    expect(texts(document, 'pre code')).toEqual(['<|im_start|>', '<|im_end|>']);
    expect(texts(document, 'figcaption')).toEqual(['A & B (learnt, special token)']);
  });

  it('leaves the colour of the text to the page, light or dark', async () => {
    const document = await drawn(text);
    for (const element of document.querySelectorAll('mark, code, pre'))
      expect(element.getAttribute('style')).toContain('color:inherit');
  });

  it('draws a template', async () => {
    const document = await drawn(llama3Chat);
    expect(texts(document, 'pre mark')).toEqual(['{assistant}', '<|eot_id|>']);
  });

  it.each([
    ['colours', true, '', '\u001b[32;4m'],
    ['brackets where NO_COLOR is set', true, '1', '⟦'],
    ['brackets where the output is no terminal', false, '', '⟦'],
  ])('prints it with %s', async (_, isTTY, noColor, expected) => {
    vi.stubEnv('NO_COLOR', noColor);
    const before = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
    Object.defineProperty(process.stdout, 'isTTY', { value: isTTY, configurable: true });
    try {
      const print = vi.spyOn(console, 'log').mockReturnValue();
      await show(text);
      expect(print.mock.calls[0]?.[0]).toContain(`${expected}👩‍👩‍👧 & more`);
    } finally {
      if (before === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
      else Object.defineProperty(process.stdout, 'isTTY', before);
    }
  });
});
