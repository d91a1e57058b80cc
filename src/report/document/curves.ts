import { trainingFigures } from '../figures.js';
import type { RunRecords } from '../records.js';
import { firstSmoothing } from '../smoothing.js';
import { heading, section, slug } from './document.js';
import type { Block, Section } from './document.js';
import { originOf } from './origin.js';

/** Metrics that are set, not measured, have no noise. */
const exact = /^(learningRate|epoch)$/i;

/** The curves of every stage that wrote metrics. */
export function curves(run: RunRecords): Section[] {
  const stages = [...new Set(run.metrics.map(({ stage }) => stage))];
  const blocks = stages.flatMap((stage): Block[] => {
    const rows = run.metrics.filter((row) => row.stage === stage);
    const drawn = trainingFigures(rows, `metrics.jsonl of run ${run.spec.runId}`, { mean: false });
    const figures = drawn.map((figure): Block => {
      const longest = Math.max(...figure.data.map((trace) => ('x' in trace ? (trace.x?.length ?? 0) : 0)));
      return {
        kind: 'figure',
        id: slug(`${stage} ${figure.title}`),
        figure,
        origin: originOf(run, stage),
        ...(exact.test(figure.title.replace(/ (.)/g, (_, letter: string) => letter.toUpperCase()))
          ? {}
          : { smoothing: firstSmoothing(longest) }),
      };
    });
    return [...(stages.length > 1 ? [heading(stage)] : []), ...figures];
  });
  return section('training', 'Training', blocks);
}
