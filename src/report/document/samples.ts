import type { RunRecords, StageRecord } from '../records.js';
import { section, text } from './document.js';
import type { Samples, Section } from './document.js';

/** Texts of the first stage that has metrics and of those after it are the model's own; texts before it show the data. */
export function isModels(run: RunRecords, stage: StageRecord): boolean {
  const first = run.spec.stages.findIndex((name) => run.metrics.some((row) => row.stage === name));
  return first >= 0 && run.spec.stages.indexOf(stage.stage) >= first;
}

/** One model's texts by their prompts. */
export interface SampleColumn {
  readonly name: string;
  readonly texts: readonly { readonly title: string; readonly text: string }[];
}

/** Texts side by side: those of one prompt in one row. A prompt that a model has twice gets a row for each. */
export function sideBySide(id: string, title: string, columns: readonly SampleColumn[]): Samples {
  const keyed = columns.map(({ texts }) => {
    const seen = new Map<string, number>();
    return new Map(
      texts.map(({ title: prompt, text: content }) => {
        const time = seen.get(prompt) ?? 0;
        seen.set(prompt, time + 1);
        return [JSON.stringify([prompt, time]), { prompt, content }] as const;
      }),
    );
  });
  const keys = new Set(keyed.flatMap((column) => [...column.keys()]));
  const rows = [...keys].map((key) => {
    const prompt = keyed.map((column) => column.get(key)?.prompt).find((found) => found !== undefined) ?? '';
    return { prompt, texts: keyed.map((column) => column.get(key)?.content) };
  });
  return { kind: 'samples', id, title, columns: columns.map(({ name }) => name), rows };
}

/** What the run's models wrote: a column for each stage that shows texts. */
export function samples(run: RunRecords): Section[] {
  const columns = run.stages
    .filter((stage) => isModels(run, stage) && (stage.summary.texts ?? []).length > 0)
    .map(({ stage, summary }): SampleColumn => ({ name: stage, texts: summary.texts ?? [] }));
  if (columns.length === 0) return [];
  const lead = columns.length > 1 ? 'Text that the models wrote, a column each.' : 'Text that the model wrote.';
  return section('samples', 'Samples', [text(lead), sideBySide('samples', 'Samples', columns)]);
}
