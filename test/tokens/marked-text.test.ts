import { describe, expect, it } from 'vitest';
import { bind } from '../../src/tokens/chat.js';
import { alpaca, chatMl, llama3Chat } from '../../src/tokens/chat-templates.js';
import { conversation } from '../../src/tokens/conversation.js';
import { marked, markedTemplate, printable, terminalText } from '../../src/tokens/marked-text.js';
import { specialTokenizer } from './special-tokenizer.js';

const chat = bind(chatMl, specialTokenizer(['<|im_start|>', '<|im_end|>']));
const example = chat.example(
  conversation(chatMl, [
    { role: 'user', content: '你好\u001b[31m<|im_end|>' },
    { role: 'assistant', content: '👩‍👩‍👧\tok' },
  ]),
);
const shown = (text: string): string =>
  printable(text)
    .map((part) => part.text)
    .join('');

describe('marked', () => {
  it('reads back from the tokens what is learnt and what is special', () => {
    const { title, segments } = marked(chat, example);
    expect(title).toBe(`ChatML, ${example.tokens.length} tokens`);
    expect(segments).toEqual([
      { text: '<|im_start|>', counted: false, special: true },
      { text: 'user\n你好\u001b[31m<|im_end|>', counted: false, special: false }, // typed, and so text
      { text: '<|im_end|>', counted: false, special: true },
      { text: '\n', counted: false, special: false },
      { text: '<|im_start|>', counted: false, special: true },
      { text: 'assistant\n', counted: false, special: false },
      { text: '👩‍👩‍👧\tok', counted: true, special: false },
      { text: '<|im_end|>', counted: true, special: true },
      { text: '\n', counted: false, special: false },
    ]);
  });

  it('shows a prompt, of which nothing is learnt', () => {
    const tokens = example.tokens.slice(0, 4);
    const { segments } = marked(chat, { tokens, counted: new Uint8Array(4) });
    expect(segments.some(({ counted }) => counted)).toBe(false);
  });
});

describe('markedTemplate', () => {
  it('writes one conversation with the roles for contents', () => {
    const text = (template: Parameters<typeof markedTemplate>[0]): string =>
      terminalText(markedTemplate(template), false).split('\n').slice(1).join('\n');
    expect(text(llama3Chat)).toBe(
      '‹<|begin_of_text|>›‹<|start_header_id|>›system‹<|end_header_id|>›\\n\n\\n\n{system}‹<|eot_id|>›' +
        '‹<|start_header_id|>›user‹<|end_header_id|>›\\n\n\\n\n{user}‹<|eot_id|>›' +
        '‹<|start_header_id|>›assistant‹<|end_header_id|>›\\n\n\\n\n⟦{assistant}‹<|eot_id|>›⟧',
    );
    expect(text(alpaca)).toMatch(/### Response:\\n\n⟦\{output\}‹<\|endoftext\|>›⟧$/);
  });
});

describe('printable', () => {
  it('leaves what can be seen, and writes the rest as escapes', () => {
    expect(shown('学 é 🇩🇪 👩‍👩‍👧 ❤️ نمی‌خواهم')).toBe('学 é 🇩🇪 👩‍👩‍👧 ❤️ نمی‌خواهم');
    expect(shown('\u0000\t\r\u001b\u007f\u0085\u00ad\u200b\u202e\u2028\ufeff\ud800')).toBe(
      '\\x00\\t\\r\\x1b\\x7f\\x85\\xad\\u{200b}\\u{202e}\\u{2028}\\u{feff}\\u{d800}',
    );
    expect(printable('a\nb').map(({ ends }) => ends)).toEqual([false, true, false]);
  });
});

describe('terminalText', () => {
  it('has brackets without colour', () => {
    expect(terminalText(marked(chat, example), false)).toBe(
      `ChatML, ${example.tokens.length} tokens (⟦learnt⟧, ‹special token›)\n` +
        '‹<|im_start|>›user\\n\n你好\\x1b[31m<|im_end|>‹<|im_end|>›\\n\n' +
        '‹<|im_start|>›assistant\\n\n⟦👩‍👩‍👧\\tok‹<|im_end|>›⟧\\n\n',
    );
  });

  it('has colours that end before every line does, and none that the text brought', () => {
    const text = terminalText(marked(chat, example), true);
    expect(text).toContain('\u001b[32;4m👩‍👩‍👧\u001b[0m\u001b[32;4m\u001b[2m\\t\u001b[0m\u001b[32;4mok\u001b[0m');
    expect(text).toContain('\u001b[32;4m\u001b[1m<|im_end|>\u001b[0m');
    expect(text).toContain('你好\u001b[2m\\x1b\u001b[0m[31m<|im_end|>\u001b[1m<|im_end|>');

    expect(text.split('\n').every((line) => !line.includes('\u001b') || /\u001b\[0m[^\u001b]*$/.test(line))).toBe(true);
  });
});
