import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Json } from '../../src/files.js';

/**
 * A process that answers questions, one at a time, and is idle in between. Both sides speak lines of JSON:
 *
 * → {"ask":"block","input":{"seconds":5}}
 * ← {"answer":{"steps":12,"seconds":5.1}}      or {"error":"…"}
 */
export interface Child {
  ask<Answer>(question: string, input: Json): Promise<Answer>;
  /** Ends the process. */
  close(): Promise<void>;
  /** Ends it by SIGKILL, wherever it is; what was asked is rejected. */
  kill(): Promise<void>;
}

/** What a module that runs in a child exports: an answer for each question. */
export type Answers = Readonly<Record<string, (input: never) => Promise<Json> | Json>>;

/** A fresh Node that answers with a module's `answers`; trainbook comes from the same build as in this process. */
export function startModule(url: string): Child {
  const program = [
    // else `trainbook` would be src/, a second engine
    ...(isPackaged ? [] : [`import { register } from 'tsx/esm/api';`, `register({ tsconfig: false });`]),
    `const { serve } = await import(process.argv[1]);`,
    `await serve(process.argv[2]);`,
  ].join('\n');
  const server = new URL('serve.ts', import.meta.url).href;
  const modules = [server, url].map((module) => (isPackaged ? module.replace(/\.ts$/, '.js') : module));
  return start(process.execPath, ['--input-type=module', '--eval', program, ...modules]);
}

/** Whether this is the JavaScript of a package (`bench --package`), not a clone. */
const isPackaged = import.meta.url.endsWith('.js');

/** A program that speaks lines, such as a Python script. */
export function start(command: string, args: readonly string[]): Child {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  let waiting: { readonly resolve: (answer: never) => void; readonly reject: (error: Error) => void } | undefined;
  let ended = false;
  const fail = (reason: string): void => {
    ended = true;
    waiting?.reject(new Error(`${command}: ${reason}\n${errors.trim().split('\n').slice(-15).join('\n')}`));
    waiting = undefined;
  };
  child.stdin.on('error', () => undefined); // the child is gone: its end says so
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  child.on('error', ({ message }) => {
    fail(message);
  });
  const gone = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      fail(`ended with ${signal ?? `code ${code ?? 0}`}`);
      resolve();
    });
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = parse(line);
    if (message === undefined) return;
    if ('error' in message) waiting?.reject(new Error(String(message.error)));
    else waiting?.resolve(message.answer as never);
    waiting = undefined;
  });
  return {
    ask: <Answer>(question: string, input: Json) =>
      new Promise<Answer>((resolve, reject) => {
        waiting = { resolve, reject };
        if (ended) fail('is not running');
        else child.stdin.write(`${JSON.stringify({ ask: question, input })}\n`);
      }),
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
    close: async () => {
      child.stdin.end();
      const late = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(late);
    },
  };
}

/** Other lines, such as a library's own words, are passed over. */
function parse(line: string): { readonly answer?: unknown; readonly error?: unknown } | undefined {
  try {
    const message = JSON.parse(line) as unknown;
    const isOurs = typeof message === 'object' && message !== null && ('answer' in message || 'error' in message);
    return isOurs ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Uses children and ends them, whatever happens. */
export async function withChildren<Result>(children: readonly Child[], use: () => Promise<Result>): Promise<Result> {
  try {
    return await use();
  } finally {
    await Promise.all(children.map((child) => child.close()));
  }
}
