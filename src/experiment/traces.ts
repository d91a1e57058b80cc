import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readsSchema } from './reads.js';

// Verifying traces, as in the build system Shake (Mitchell 2012; Mokhov, Mitchell and Peyton Jones 2018, "Build systems à
// la carte"): each execution of a stage leaves what it read and what it made. A stage is up to date if one trace still
// verifies: same code, same numeric class, and all that was read is as it was.

const traceSchema = z.object({
  format: z.literal(1),
  /** Its own id; `executions/<id>/` has the metrics and the summary. */
  id: z.string(),
  experiment: z.string(),
  stage: z.string(),
  code: z.string(),
  numericClass: z.string(),
  reads: readsSchema,
  artifact: z.string(),
  kind: z.string(),
  seconds: z.number(),
  /** What the stage's own `estimate` said, in seconds. */
  estimate: z.number().optional(),
  createdAt: z.string(),
  /** The run that made it, such as `quickstart/2026-11-21-143502-3f9c`. */
  run: z.string(),
});
export type Trace = z.infer<typeof traceSchema>;

/** Appends one line in one write (O_APPEND); if a killed process left half a line, ours begins on a new one. */
export function appendLine(path: string, line: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a+');
  try {
    const { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    const torn = size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
    writeSync(file, `${torn ? '\n' : ''}${line}\n`);
  } finally {
    closeSync(file);
  }
}

const tracePath = (store: string, stage: string): string => join(store, 'traces', `${stage}.jsonl`);

export function appendTrace(store: string, trace: Trace): void {
  appendLine(tracePath(store, trace.stage), JSON.stringify(trace));
}

/** The traces of a stage, newest first. Lines that are torn or of another format are passed over: the stage then runs again. */
export async function readTraces(store: string, stage: string): Promise<Trace[]> {
  const text = await readFile(tracePath(store, stage), 'utf8').catch(() => '');
  return text
    .split('\n')
    .flatMap((line) => {
      try {
        const parsed = traceSchema.safeParse(JSON.parse(line));
        return parsed.success ? [parsed.data] : [];
      } catch {
        return [];
      }
    })
    .reverse();
}
