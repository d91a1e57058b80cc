import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TrainbookError } from '../../error.js';
import { hash, syncFolder } from '../../files.js';
import { rankingLineSchema } from './ranking-line.js';
import type { RankingLine } from './ranking-line.js';

/** The rankings of one annotator, a file that grows by a line each. */
export interface RankingsFile {
  readonly path: string;
  /** All that was written down, in order. */
  readonly lines: readonly RankingLine[];
  /**
   * Writes lines down, all or none; when it resolves, they are on the disk.
   *
   * @throws the error of the system, such as that the disk is full; the file is then as it was before.
   */
  append(lines: readonly RankingLine[]): Promise<void>;
  close(): Promise<void>;
}

/** The name of an annotator's file: the name itself, save what a file cannot be called. */
export function rankingsFileName(annotator: string): string {
  const name = annotator.normalize('NFC');
  const plain = name.replace(/[^\p{L}\p{M}\p{N}_-]+/gu, '-').slice(0, 60);
  return plain === name && name !== '' ? `${name}.jsonl` : `${plain}-${hash(name).slice(0, 6)}.jsonl`;
}

/**
 * Opens an annotator's rankings to go on with. One process at a time may have a file open: two annotators have a file each. A last line
 * that was cut off, by a loss of power, is taken away.
 *
 * @param samples The hash of the file of samples that is judged.
 * @throws TrainbookError if a line is no ranking, is of another annotator, or of another file of samples.
 */
export async function openRankings(
  path: string,
  { annotator, samples }: { readonly annotator: string; readonly samples: string },
): Promise<RankingsFile> {
  await mkdir(dirname(path), { recursive: true });
  const found = await readRankingLines(path);
  for (const [index, line] of found.lines.entries()) {
    if (line.samples.hash !== samples) throw ofOtherSamples(path, index, line, samples);
    if (line.annotator === annotator) continue;
    throw new TrainbookError({
      what: `label: ${path} has the rankings of another annotator`,
      received: line.annotator,
      expected: annotator,
      fix: 'give another --annotator',
    });
  }
  const lines = [...found.lines];
  const file = await open(path, 'a', 0o600);
  let { bytes } = found;
  let isTorn = (await file.stat()).size > bytes;
  await syncFolder(dirname(path));
  let last: Promise<void> = Promise.resolve();
  return {
    path,
    lines,
    append(more) {
      // One after another, so that lines keep the order of judging.
      const written = last.then(async () => {
        const text = more.map((line) => `${JSON.stringify(line)}\n`).join('');
        if (isTorn) await file.truncate(bytes);
        isTorn = true;
        try {
          await file.appendFile(text);
          await file.sync();
          bytes += Buffer.byteLength(text);
          lines.push(...more);
        } finally {
          // What is written of it is taken away where not all can be; where that fails, too, before the next.
          isTorn = await file.truncate(bytes).then(
            () => false,
            () => true,
          );
        }
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

/**
 * The lines of a file of rankings, and the bytes up to the end of the last whole one; none of a file that is not there.
 *
 * @throws TrainbookError that names the line which is no ranking.
 */
export async function readRankingLines(
  path: string,
): Promise<{ readonly lines: readonly RankingLine[]; readonly bytes: number }> {
  const content = await readFile(path).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw cause;
  });
  const bytes = content.lastIndexOf(0x0a) + 1;
  const texts = content.toString('utf8', 0, bytes).split('\n').slice(0, -1);
  return { lines: texts.map((text, index) => parseLine(path, text, index)), bytes };
}

function parseLine(path: string, text: string, index: number): RankingLine {
  try {
    return rankingLineSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TrainbookError({
      what: `label: line ${index + 1} of ${path} is no ranking`,
      received: text.length > 80 ? `${text.slice(0, 80)}…` : text,
      expected: '{"sample":…,"dimension":…,"annotator":…,"prompt":[…],"answers":[…],"ranking":"B > A",…}',
      fix: 'mend the line or take it away',
      cause,
    });
  }
}

/** That a line is of another file of samples than the one that is judged. */
export function ofOtherSamples(
  path: string,
  index: number,
  { samples }: RankingLine,
  expected: string,
): TrainbookError {
  return new TrainbookError({
    what: `label: ${path} has the rankings of another file of samples`,
    received: `line ${index + 1}: ${samples.file}, hash ${samples.hash}`,
    expected: `hash ${expected}: the file that is given now`,
    fix: 'give another --out, or the file of samples as it was when they were made',
  });
}
