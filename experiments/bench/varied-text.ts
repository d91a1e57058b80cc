import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { fold, key, load, uniformNumbers } from 'trainbook';

/** A type, not an interface, so that it counts as JSON. */
export type VariedText = {
  readonly files: number;
  readonly megabytesPerFile: number;
  /** The share of documents that are copies of an earlier one, of which one word in fifty is another. */
  readonly copies: number;
  readonly seed: number;
};

/**
 * Writes JSON Lines of new documents: each takes its sentences from all over the Brown corpus and Shakespeare, and has some words of its own, so that
 * no two are alike but those that are copied on purpose.
 */
export async function writeVariedText(
  folder: string,
  { files, megabytesPerFile, copies, seed }: VariedText,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { documents } = await load(['brown', 'shakespeare']);
  const sentences = documents.flatMap(({ text }) => text.split('\n')).filter((line) => line.length > 20);
  for (let file = 0; file < files; file++) {
    const stream = createWriteStream(join(folder, `${String(file).padStart(4, '0')}.jsonl`));
    let written = 0;
    let last = '';
    for (let number = 0; written < megabytesPerFile * 1e6; number++) {
      const draws = uniformNumbers(fold(fold(key(seed), file), number), 64);
      const isCopy = last !== '' && (draws[0] ?? 0) < copies;
      const lines = Array.from({ length: 10 + Math.floor(50 * (draws[1] ?? 0)) }, (_, line) => {
        const sentence = sentences[Math.floor((draws[2 + line] ?? 0) * sentences.length)] ?? '';
        return `${sentence} ${file}-${number}-${line}`;
      });
      const text = isCopy ? last.replace(/ \d+-\d+-[05] /gu, ' again ') : lines.join('\n');
      last = text;
      const row = `${JSON.stringify({ text, domain: number % 2 === 0 ? 'even' : 'odd' })}\n`;
      written += Buffer.byteLength(row);
      if (!stream.write(row)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'close');
  }
}
