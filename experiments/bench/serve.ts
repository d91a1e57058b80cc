import { createInterface } from 'node:readline';
import type { Json } from '../../src/files.js';
import type { Answers } from './child.js';

/** Answers the questions on standard input with a module's `answers`, until it ends. */
export async function serve(module: string): Promise<void> {
  const { answers } = (await import(module)) as { readonly answers: Answers };
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, input } = JSON.parse(line) as { readonly ask: string; readonly input: never };
    let reply: Json;
    try {
      reply = { answer: (await answers[ask]?.(input)) ?? null };
    } catch (error) {
      reply = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  process.exit(0);
}
