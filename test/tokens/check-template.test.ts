import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chatTemplate } from '../../src/tokens/chat-template.js';
import type { ChatTemplate } from '../../src/tokens/chat-template.js';
import {
  alpaca,
  chatMl,
  llama3Chat,
  llama31Chat,
  qwen2Chat,
  qwen25Chat,
  smolLm2Chat,
} from '../../src/tokens/chat-templates.js';
import { checkTemplate, templateOfJinja } from '../../src/tokens/check-template.js';
import { readJinja, renderJinja } from '../../src/tokens/jinja.js';

const jinjaOf = (name: string): string => readFileSync(new URL(`fixtures/chat/${name}.jinja`, import.meta.url), 'utf8');
const variables = { bos_token: '<|begin_of_text|>', eos_token: '<|end_of_text|>' };
const pairs: readonly (readonly [string, ChatTemplate])[] = [
  ['smollm2', smolLm2Chat],
  ['qwen2.5', qwen25Chat],
  ['llama3', llama3Chat],
  ['llama3.1', llama31Chat],
];

describe('checkTemplate', () => {
  it.each(pairs)('finds %s equal to the typed template, and every other one different', async (name, template) => {
    await checkTemplate(template, jinjaOf(name), variables);
    for (const [other, its] of pairs) {
      if (other !== name) await expect(checkTemplate(its, jinjaOf(name), variables)).rejects.toThrow(its.name);
    }
  });

  it('shows the first difference with what stands around it', async () => {
    await expect(checkTemplate(qwen2Chat, jinjaOf('qwen2.5'))).rejects.toMatchObject({
      parts: {
        what: 'checkTemplate: Qwen2 is not what the Jinja template says, for user and a prompt',
        received:
          'from Jinja, from character 27 on: …"m_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpfu"…',
        expected: 'from Qwen2: …"m_start|>system\\nYou are a helpful assistant.<|im_end|>\\n<|im_start|>user\\n"…',
      },
    });
  });

  it.each([
    [
      'trims an answer',
      '{{- message.content',
      "{{- message.content | trim if message.role == 'assistant' else message.content",
    ],
    ['leaves out the line feed after a turn', "<|im_end|>\\n' }}\n{%- endfor", "<|im_end|>' }}\n{%- endfor"],
    ['forgets the prompt', '{%- if add_generation_prompt %}', '{%- if false %}'],
    ['adds the prompt always', '{%- if add_generation_prompt %}', '{%- if true %}'],
    ['takes thoughts away', '{{- message.content', "{{- message.content.split('</think>')[-1]"],
    ['drops an empty turn', '{%- for message in messages %}', '{%- for message in messages if message.content %}'],
    [
      'ends with a token of its own',
      '{%- if add_generation_prompt %}',
      '{{- eos_token }}{%- if add_generation_prompt %}',
    ],
  ])('notices a template that %s', async (_, from, to) => {
    const jinja = jinjaOf('qwen2.5').replace(
      "{{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' }}",
      "{{- '<|im_start|>' ~ message.role ~ '\\n' }}{{- message.content }}{{- '<|im_end|>\\n' }}",
    );
    await checkTemplate(qwen25Chat, jinja, variables);
    expect(jinja).toContain(from);
    await expect(checkTemplate(qwen25Chat, jinja.replace(from, to), variables)).rejects.toThrow('Qwen2.5 is not what');
  });

  it('says what a template refuses', async () => {
    const jinja = "{{ raise_exception('no system prompt') if messages[0].role == 'system' else 'x' }}";
    const always = chatTemplate({
      name: 'x',
      order: { first: ['system'], next: { system: ['assistant'], assistant: [] }, answer: 'assistant' },
      turns: { system: { before: [], after: [] } },
      answer: chatMl.definition.answer,
    });
    await expect(checkTemplate(always, jinja)).rejects.toThrow('no text, but the error "no system prompt"');
  });

  it('checks roles of any name', async () => {
    const jinja = `{%- for m in messages %}
      {%- if m.role == 'instruction' %}
        {{- 'Below is an instruction that describes a task' }}
        {{- ', paired with an input that provides further context' if not loop.last and messages[1].role == 'input' }}
        {{- '. Write a response that appropriately completes the request.\\n\\n' }}
        {{- '### Instruction:\\n' ~ m.content ~ '\\n\\n' }}
      {%- elif m.role == 'input' %}{{- '### Input:\\n' ~ m.content ~ '\\n\\n' }}
      {%- else %}{{- '### Response:\\n' ~ m.content ~ eos_token }}
      {%- endif %}
    {%- endfor %}{{- '### Response:\\n' if add_generation_prompt }}`;
    await checkTemplate(alpaca, jinja, { eos_token: '<|endoftext|>' });
    await expect(checkTemplate(alpaca, jinja, { eos_token: '</s>' })).rejects.toThrow('</s>');
  });
});

describe('templateOfJinja', () => {
  it.each(pairs)('knows %s', async (name, template) => {
    expect(await templateOfJinja(jinjaOf(name), variables)).toBe(template);
  });

  it('knows Qwen2 by its system prompt, and ChatML by having none', async () => {
    const qwen = jinjaOf('smollm2').replace(/You are .*Hugging Face/, 'You are a helpful assistant.');
    expect(await templateOfJinja(qwen)).toBe(qwen2Chat);
    expect(await templateOfJinja(jinjaOf('smollm2').replace('loop.first and', 'false and'))).toBe(chatMl);
  });

  it('says of each where it differs, when there is none', async () => {
    const error = templateOfJinja('{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}');
    await expect(error).rejects.toThrow(/no template here[^]*ChatML has[^]*Llama 3\.1 has .*\[user\]Hello/);
  });
});

describe('renderJinja', () => {
  const input = { messages: [{ role: 'user', content: 'Hi' }], add_generation_prompt: true };
  const render = (jinja: string) => renderJinja({ jinja, variables }, [input]);

  it('gives what the template says, or why it says nothing', async () => {
    expect(
      await render('{{ bos_token }}{{ messages[0].content }}{{ add_generation_prompt }}{{ range(2, 8, 3) | list }}'),
    ).toEqual([{ text: '<|begin_of_text|>Hitrue[2, 5]' }]);
    expect(await render("{{ raise_exception('only even turns') }}")).toEqual([{ error: 'only even turns' }]);
    expect(await render('{% if strftime_now is defined %}clock{% else %}fixed{% endif %}')).toEqual([
      { text: 'fixed' },
    ]);
  });

  it('refuses what is no Jinja', async () => {
    await expect(render('{% if %}')).rejects.toMatchObject({ name: 'TrainbookError' });
    await expect(render('{{ unclosed')).rejects.toThrow('the Jinja chat template cannot be run');
  });

  it.each([
    ['{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}', 'it still ran after 5 s'],
    ['{% for a in range(10 ** 9) %}{% endfor %}', /Invalid array length|it needs more than 128 MiB|it still ran/],
    ['{% for a in range(1000000000) %}{% endfor %}', /it needs more than 128 MiB|it still ran/],
    [
      '{% set n = namespace(a=range(99999) | list) %}{% for i in range(40) %}{% set n.a = n.a + n.a %}{% endfor %}',
      /it needs more than 128 MiB|it still ran/,
    ],
  ])('ends %s', async (jinja, said) => {
    await expect(render(jinja)).rejects.toThrow(said);
  });
});

describe('readJinja', () => {
  const inFolder = async (files: Readonly<Record<string, string>>) => {
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-jinja-'));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      return await readJinja(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  it('reads tokenizer_config.json in both its forms, and chat_template.jinja before it', async () => {
    const config = {
      bos_token: '<s>',
      eos_token: { content: '</s>', lstrip: false },
      pad_token: null,
      model_max_length: 9,
    };
    const text = JSON.stringify({ ...config, chat_template: 'one' });
    const expected = { bos_token: '<s>', eos_token: '</s>' };
    expect(await inFolder({ 'tokenizer_config.json': text })).toEqual({ jinja: 'one', variables: expected });
    const list = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'two' },
    ];
    expect(await inFolder({ 'tokenizer_config.json': JSON.stringify({ chat_template: list }) })).toEqual({
      jinja: 'two',
      variables: {},
    });
    expect(await inFolder({ 'tokenizer_config.json': text, 'chat_template.jinja': 'file' })).toEqual({
      jinja: 'file',
      variables: expected,
    });
  });

  it('refuses a folder without one', async () => {
    await expect(inFolder({})).rejects.toThrow('has no chat template');
    await expect(inFolder({ 'tokenizer_config.json': '{"chat_template":[]}' })).rejects.toThrow(
      'without chat_template',
    );
    await expect(inFolder({ 'tokenizer_config.json': '{' })).rejects.toThrow('is no tokenizer_config.json');
    await expect(inFolder({ 'tokenizer_config.json': '{"chat_template":3}' })).rejects.toThrow('chat_template');
  });
});
