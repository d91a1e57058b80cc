import { formatSeconds } from '../format.js';
import { lineageDrawing } from '../lineage-drawing.js';
import type { RunRecords } from '../records.js';
import { section, text } from './document.js';
import type { Section } from './document.js';
import { originOf } from './origin.js';

/** Every stage's artifact, what it was made from, by which code and in how many seconds. */
export function lineage(run: RunRecords): Section[] {
  if (run.lineage === undefined || run.lineage.stages.length === 0) return [];
  const { stages } = run.lineage;
  const makers = new Map(stages.map(({ artifact, stage }) => [artifact, stage]));
  const known = stages.some(({ config }) => config !== undefined);
  const rows = stages.map(({ stage, artifact, kind, parents, code, numericClass, cached, seconds, config }) => {
    const from = parents.map((parent) => makers.get(parent) ?? parent.slice(0, 12)).join(', ');
    return [
      stage,
      kind,
      artifact.slice(0, 12),
      from === '' ? '–' : from,
      code.slice(0, 12),
      numericClass,
      cached ? 'from the store' : formatSeconds(seconds),
      ...(known ? [(config ?? []).map((path) => (path === '*' ? 'all' : path)).join(', ') || '–'] : []),
    ];
  });
  const columns = [
    'stage',
    'kind',
    'artifact',
    'made from',
    'code',
    'numeric class',
    'time',
    ...(known ? ['config read'] : []),
  ];
  return section('lineage', 'Lineage', [
    text('Equal hashes mean equal contents: a stage runs again only when something it read has changed.'),
    { kind: 'drawing', id: 'lineage', drawing: lineageDrawing(run.lineage), origin: originOf(run) },
    { kind: 'table', id: 'artifacts', table: { title: 'Artifacts', columns, rows }, codes: ['artifact', 'code'] },
  ]);
}
