import type { RunRecords, StageRecord } from '../records.js';
import { heading, section, slug, text } from './document.js';
import type { Block, Section } from './document.js';
import { originOf } from './origin.js';
import { isModels, sideBySide } from './samples.js';

/** Kinds of artifacts that are data, not made by a model. */
const dataKinds = /corpus|document|table|dataset|preferences|conversations/;

/** Whether a stage's artifact is data. */
export function isData(run: RunRecords, stage: string): boolean {
  const kind = run.lineage?.stages.find((one) => one.stage === stage)?.kind;
  return kind !== undefined && dataKinds.test(kind);
}

function stageBlocks(run: RunRecords, record: StageRecord): Block[] {
  const { stage, summary } = record;
  const { facts, tables = [], figures = [], texts = [] } = summary;
  const id = slug(`stage ${stage}`);
  return [
    heading(stage, summary.title),
    ...(Object.keys(facts).length === 0
      ? []
      : [{ kind: 'facts' as const, id: `${id}-facts`, title: summary.title, facts, shape: 'tiles' as const }]),
    ...figures.map((figure, index): Block => {
      return { kind: 'figure', id: `${id}-figure-${index}`, figure, origin: originOf(run, stage) };
    }),
    ...tables.map((table, index): Block => ({ kind: 'table', id: `${id}-table-${index}`, table })),
    ...(isModels(run, record) || texts.length === 0
      ? []
      : [sideBySide(`${id}-texts`, `Texts of ${stage}`, [{ name: stage, texts }])]),
  ];
}

/** Files that the stages read, with their hashes. */
function filesRead(run: RunRecords): Block[] {
  const rows = (run.lineage?.stages ?? []).flatMap(({ stage, files }) =>
    Object.entries(files ?? {}).map(([path, hash]) => [path, hash.slice(0, 12), stage]),
  );
  if (rows.length === 0) return [];
  const table = { title: 'Files that were read', columns: ['file', 'hash', 'stage'], rows };
  return [{ kind: 'table', id: 'files', table, codes: ['file', 'hash'] }];
}

/** The data card: what the data was, what became of it, and the files that it was read from. */
export function dataCard(run: RunRecords): Section[] {
  const blocks = run.stages.filter(({ stage }) => isData(run, stage)).flatMap((stage) => stageBlocks(run, stage));
  return section('data', 'Data', blocks.length === 0 ? [] : [...blocks, ...filesRead(run)]);
}

/** What each other stage made. */
export function stages(run: RunRecords): Section[] {
  const blocks = run.stages.filter(({ stage }) => !isData(run, stage)).flatMap((stage) => stageBlocks(run, stage));
  return section('stages', 'Stages', blocks.length === 0 ? [] : [text('What each stage made.'), ...blocks]);
}
