import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { c4, fineweb, gopherQuality, gopherRepetition, normalise, personalData, quality } from 'trainbook';
import type { Document, LocalStep } from 'trainbook';

const steps: readonly LocalStep[] = [
  normalise(),
  quality(gopherRepetition(), gopherQuality(), c4(), fineweb()),
  personalData({ action: 'mask' }),
];

export const answers = {
  /** Seconds from the files to the files; how many documents are kept. */
  clean: async (input: {
    readonly folder: string;
    readonly shard: number;
  }): Promise<{ seconds: number; kept: number }> => {
    const { folder, shard } = input;
    const started = performance.now();
    let kept = 0;
    for (const language of ['en', 'zh']) {
      const lines = (await readFile(join(folder, language, `${shard}.jsonl`), 'utf8')).split('\n');
      const output: string[] = [];
      for (const line of lines) {
        if (line === '') continue;
        const row = JSON.parse(line) as { readonly id: string; readonly text: string };
        const cleaned = await clean({ ...row, source: language, domain: language });
        if (cleaned === undefined) continue;
        output.push(JSON.stringify({ id: cleaned.id, text: cleaned.text }));
        kept++;
      }
      await writeFile(join(folder, `ours-${language}-${shard}.jsonl`), output.join('\n'));
    }
    return { seconds: (performance.now() - started) / 1000, kept };
  },
};

async function clean(document: Document): Promise<Document | undefined> {
  let current = document;
  for (const step of steps) {
    const verdict = await step.judgeOne(current);
    if ('drop' in verdict) return undefined;
    current = verdict.keep;
  }
  return current;
}
