import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import type { ReviewJudgement } from './review-scores.js';

// {"rule":"phone numbers","seed":1,"document":"3f2a…","judgement":"yes","annotator":"mei","time":"2026-11-29T19:20:00.000Z"}
// A judgement that is taken back stands there, too: the same with "judgement":null. The last line of a document counts.

const lineSchema = z.object({
  rule: z.string(),
  seed: z.int(),
  document: z.string(),
  judgement: z.enum(['yes', 'no', 'unsure']).nullable(),
  annotator: z.string(),
  time: z.string(),
});

/** One judgement as it was written down. */
export type JudgementLine = z.infer<typeof lineSchema>;

/** A file of judgements that grows by a line each. */
export interface JudgementFile {
  /** What this annotator says of each document so far. */
  readonly judgements: ReadonlyMap<string, ReviewJudgement>;
  /** Writes a judgement down, or takes it back; when it resolves, the line is on the disk. */
  judge(document: string, judgement: ReviewJudgement | null): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file of judgements to go on with. Each judgement is one line that is appended at once: nothing is lost if the program
 * is ended, and several people may write to one file. A last line that was cut off, by a loss of power, is taken away.
 *
 * @throws TrainbookError if a line is no judgement, or is of another rule or seed
 */
export async function openJudgements(
  path: string,
  { rule, seed, annotator }: { readonly rule: string; readonly seed: number; readonly annotator: string },
  now: () => Date = () => new Date(),
): Promise<JudgementFile> {
  await mkdir(dirname(path), { recursive: true });
  const found = await readJudgements(path);
  const other = found.lines.find((line) => line.rule !== rule || line.seed !== seed);
  if (other !== undefined) {
    throw new TrainbookError({
      what: `review: ${path} has the judgements of another sample`,
      received: `rule “${other.rule}”, seed ${other.seed}`,
      expected: `rule “${rule}”, seed ${seed}`,
      fix: 'give another folder',
    });
  }
  const judgements = judgementsOf(found.lines, annotator);
  const file = await open(path, 'a', 0o600);
  const { size } = await file.stat();
  if (size > found.bytes) await file.truncate(found.bytes);
  let last: Promise<void> = Promise.resolve();
  return {
    judgements,
    judge(document, judgement) {
      const line: JudgementLine = { rule, seed, document, judgement, annotator, time: now().toISOString() };
      // One after another, so that lines keep the order of judging.
      const written = last.then(async () => {
        await file.write(`${JSON.stringify(line)}\n`);
        await file.sync();
        if (judgement === null) judgements.delete(document);
        else judgements.set(document, judgement);
      });
      last = written.catch(() => undefined);
      return written;
    },
    async close() {
      await last;
      await file.close();
    },
  };
}

/** The lines of a file of judgements, and the bytes up to the end of the last whole one. */
export async function readJudgements(
  path: string,
): Promise<{ readonly lines: readonly JudgementLine[]; readonly bytes: number }> {
  const content = await readFile(path).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw cause;
  });
  const bytes = content.lastIndexOf(0x0a) + 1;
  const lines = content
    .toString('utf8', 0, bytes)
    .split('\n')
    .slice(0, -1)
    .map((text, index) => {
      try {
        return lineSchema.parse(JSON.parse(text));
      } catch (cause) {
        throw new TrainbookError({
          what: `review: line ${index + 1} of ${path} is no judgement`,
          received: text.length > 80 ? `${text.slice(0, 80)}…` : text,
          expected: '{"rule":…,"seed":…,"document":…,"judgement":"yes","annotator":…,"time":…}',
          cause,
        });
      }
    });
  return { lines, bytes };
}

/** What an annotator says of each document: the last line counts. */
export function judgementsOf(lines: readonly JudgementLine[], annotator: string): Map<string, ReviewJudgement> {
  const judgements = new Map<string, ReviewJudgement>();
  for (const line of lines) {
    if (line.annotator !== annotator) continue;
    if (line.judgement === null) judgements.delete(line.document);
    else judgements.set(line.document, line.judgement);
  }
  return judgements;
}
