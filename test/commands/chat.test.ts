import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { modelPath } from '../../src/commands/chat.js';
import { chatOptions, samplingFor } from '../../src/commands/chat-options.js';
import { takeLines, takePrompt, takeTurn } from '../../src/commands/chat-terminal.js';
import type { Answer } from '../../src/serve/answering.js';
import type { Dialogue } from '../../src/serve/dialogue.js';
import { smolLm2Chat } from '../../src/tokens/chat-templates.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

async function* linesOf(...lines: string[]): AsyncGenerator<string> {
  yield* await Promise.resolve(lines);
}

describe('options', () => {
  it('are numbers and templates; what is out of range is refused', () => {
    expect(chatOptions({})).toEqual({ sampling: {}, maxTokens: 200, seed: 1 });
    expect(
      chatOptions({
        temperature: '0',
        'top-p': '0.5',
        'max-tokens': '7',
        seed: '-3',
        system: 'x',
        template: 'smollm2',
      }),
    ).toEqual({ sampling: { temperature: 0, topP: 0.5 }, maxTokens: 7, seed: -3, system: 'x', template: smolLm2Chat });
    expect(() => chatOptions({ temperature: '-1' })).toThrow('--temperature needs a number of at least 0');
    expect(() => chatOptions({ 'top-p': '0' })).toThrow("--top-p needs a number above 0, at most 1, not '0'");
    expect(() => chatOptions({ 'top-p': '' })).toThrow('--top-p');
    expect(() => chatOptions({ 'max-tokens': '1.5' })).toThrow('--max-tokens needs an integer');
    expect(() => chatOptions({ seed: 'x' })).toThrow('--seed needs an integer');
    expect(() => chatOptions({ template: 'mine' })).toThrow('--template is one of chatml, llama3, llama3.1');
  });

  it('come from the command line, then from the publishers of the model, then they are the usual ones', () => {
    const published = { stops: [], temperature: 0.6 };
    expect(samplingFor(chatOptions({}), { stops: [] })).toEqual({ temperature: 0.8, topP: 0.95 });
    expect(samplingFor(chatOptions({}), published)).toEqual({ temperature: 0.6, topP: 0.95 });
    expect(samplingFor(chatOptions({ temperature: '0', 'top-p': '1' }), published)).toEqual({
      temperature: 0,
      topP: 1,
    });
  });
});

it('a base model continues each line that is not empty, and the prompt is written before what grows', async () => {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const prompts: string[] = [];
  const continuation = {
    next: (prompt: string, grow: (text: string) => void) => {
      grow(' and');
      grow(' on');
      return Promise.resolve({ prompt, text: ' and on', numTokens: 2, finish: 'length' as const });
    },
    dispose: () => undefined,
  };
  await takeLines(
    linesOf('one', '  ', '二'),
    takePrompt(continuation, ({ prompt }) => prompts.push(prompt)),
    write,
  );
  expect(written).toBe('one and on\n\n二 and on\n\n');
  expect(prompts).toEqual(['one', '二']);
});

it('a conversation has commands, and says why an answer ended early and what was left out', async () => {
  const answers: Answer[] = [
    { text: 'a', numTokens: 1, numPromptTokens: 1, finish: 'stop', numDropped: 0 },
    { text: 'b', numTokens: 9, numPromptTokens: 1, finish: 'length', numDropped: 4 },
    { text: 'c', numTokens: 1, numPromptTokens: 1, finish: 'context', numDropped: 0 },
    { text: 'd', numTokens: 1, numPromptTokens: 1, finish: 'interrupted', numDropped: 0 },
  ];
  const did: string[] = [];
  const dialogue: Dialogue = {
    turns: [],
    ask: (question, write) => {
      did.push(question);
      const answer = answers[did.filter((each) => each.startsWith('q')).length - 1] as Answer;
      write(answer.text);
      return Promise.resolve(answer);
    },
    setSystem: (text) => did.push(`system ${text ?? 'none'}`),
    reset: () => did.push('reset'),
    shown: () =>
      did.length < 3 ? undefined : { title: 'T', segments: [{ text: 'x', counted: true, special: false }] },
  };
  const say = async (...lines: string[]): Promise<string> => {
    let written = '';
    await takeLines(linesOf(...lines), takeTurn(dialogue, false), (text) => (written += text));
    return written;
  };
  expect(await say('/show', 'q1')).toBe('(nothing was said yet)\na\n\n');
  expect(await say('q2')).toBe(
    'b\n(cut off after 9 tokens: --max-tokens; the context is full: the oldest 4 turns were left out)\n\n',
  );
  expect(await say('q3', 'q4')).toBe('c\n(cut off: the context is full; /reset begins anew)\n\nd\n(stopped)\n\n');
  expect(await say('/show')).toBe('T (⟦learnt⟧, ‹special token›)\n⟦x⟧\n');
  await say('/system  Be brief. ', '/system', '/reset');
  expect(did.slice(-3)).toEqual(['system Be brief.', 'system none', 'reset']);
  expect(await say('/what now')).toMatch(/^\(no command \/what\)\n\/system TEXT/);
  expect(did.at(-1)).toBe('reset');
});

it('exits 2 for an option out of range, 1 where there is no model', async () => {
  let stderr = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-chat-'));
  vi.stubEnv('TRAINBOOK_MODELS', folder);
  expect(modelPath(folder)).toBe(folder);
  expect(await main(['chat', folder, '--top-p', '2'])).toBe(2);
  expect(stderr).toContain("--top-p needs a number above 0, at most 1, not '2'");
  stderr = '';
  expect(await main(['chat', folder])).toBe(1);
  expect(stderr).toMatch(/there is no model that can be read at .*trainbook-chat-\S+\n {2}received: an empty folder/);
  stderr = '';
  expect(await main(['chat', 'smollm2-135m-instruct'])).toBe(1);
  expect(stderr).toMatch(/the model SmolLM2-135M-Instruct is not here[^]*npx trainbook setup --models/);
  stderr = '';
  expect(await main(['chat', join(folder, 'nothing')])).toBe(1);
  expect(stderr).toContain('there is nothing at');
  await rm(folder, { recursive: true });
});
