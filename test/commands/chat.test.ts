import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { chatOptions, continueLines } from '../../src/commands/chat.js';

afterEach(() => {
  vi.restoreAllMocks();
});

const defaults = { temperature: '0.8', 'top-p': '0.95', 'max-tokens': '200', seed: '1' };

it('reads its options as numbers, and refuses what is out of range', () => {
  expect(chatOptions({ ...defaults, temperature: '0', seed: '-3' })).toEqual({
    temperature: 0,
    topP: 0.95,
    maxTokens: 200,
    seed: -3,
  });
  expect(() => chatOptions({ ...defaults, temperature: '-1' })).toThrow('--temperature needs a number of at least 0');
  expect(() => chatOptions({ ...defaults, 'top-p': '0' })).toThrow(
    "--top-p needs a number above 0, at most 1, not '0'",
  );
  expect(() => chatOptions({ ...defaults, 'top-p': '' })).toThrow('--top-p');
  expect(() => chatOptions({ ...defaults, 'max-tokens': '1.5' })).toThrow('--max-tokens needs an integer');
  expect(() => chatOptions({ ...defaults, seed: 'x' })).toThrow('--seed needs an integer');
});

it('continues each line that is not empty, and writes the prompt before what grows', async () => {
  async function* lines(): AsyncGenerator<string> {
    yield* await Promise.resolve(['one', '  ', '二']);
  }
  let written = '';
  const samples = await continueLines(
    lines(),
    {
      next: (prompt, write) => {
        write(' and');
        write(' on');
        return Promise.resolve({ prompt, text: ' and on', numTokens: 2, finish: 'length' as const });
      },
      dispose: () => undefined,
    },
    (text) => {
      written += text;
    },
  );
  expect(written).toBe('one and on\n\n二 and on\n\n');
  expect(samples.map(({ prompt }) => prompt)).toEqual(['one', '二']);
});

it('exits 2 for an option out of range, 1 where there is no run', async () => {
  let stderr = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-chat-'));
  expect(await main(['chat', folder, '--top-p', '2'])).toBe(2);
  expect(stderr).toContain("--top-p needs a number above 0, at most 1, not '2'");
  stderr = '';
  expect(await main(['chat', folder])).toBe(1);
  expect(stderr).toMatch(/chat: there is no run in this folder\n {2}received: .*trainbook-chat-/);
  await rm(folder, { recursive: true });
});
