import type { Ablation } from '../experiment/ablations/ablation.js';
import { compareArms } from '../experiment/ablations/comparison.js';
import type { AblationRecord } from '../experiment/ablations/record.js';
import type { AblationEvent } from '../experiment/ablations/run-ablation.js';
import { armsTable } from './ablation/arms-table.js';
import { sortedArms } from './ablation/arm-order.js';
import { forestDrawing } from './ablation/forest-drawing.js';
import { drawingBundle, lineBundle, tableBundle } from './bundle.js';
import { openSlot } from './display.js';
import { formatNumber, formatSeconds } from './format.js';
import { pace } from './pace.js';

/** What a cell of a notebook shows of an ablation that runs in it. */
export interface AblationDisplay {
  readonly onEvent: (event: AblationEvent) => void;
  interrupting(): void;
  /** Writes what stays: how many runs there are, and, where all have ended, the table of arms and the forest plot. */
  end(outcome: 'done' | 'interrupted' | 'failed', record?: AblationRecord): void;
}

/**
 * Shows an ablation in the cell that runs: a line with a bar, a line for each run that failed, and in the end the comparison.
 *
 * @param now milliseconds, for the pace of drawing
 */
export function ablationDisplay(ablation: Ablation, now: () => number = Date.now): AblationDisplay {
  const began = now();
  const { arms, seeds } = ablation;
  const total = arms.length * seeds.length;
  const line = openSlot();
  const due = pace(now);
  const nameOf = (cell: number): string =>
    `${arms[Math.floor(cell / seeds.length)]?.name ?? ''}, seed ${seeds[cell % seeds.length] ?? ''}`;
  let ended = 0;
  const write = (text: string): void => {
    line.update(lineBundle(`run ${Math.min(total, ended + 1)} of ${total}: ${text}`, ended / total));
  };
  return {
    onEvent(event) {
      if (event.type === 'ablation-start') {
        ended = event.cells.filter(({ state }) => state === 'done' || state === 'failed' || state === 'stopped').length;
      } else if (event.type === 'cell-start') {
        write(nameOf(event.cell));
      } else if (event.type === 'cell-run' && event.event.type === 'progress') {
        const { task, done, total: of } = event.event.progress;
        if (due()) write(`${nameOf(event.cell)}, ${task} ${formatNumber(done)} of ${formatNumber(of)}`);
      } else if (event.type === 'cell-end') {
        const { state, error } = event.result;
        if (state !== 'waiting') ended++;
        if (state === 'failed') openSlot().end(lineBundle(`${nameOf(event.cell)} failed: ${error ?? ''}`));
      } else if (event.type === 'message') openSlot().end(lineBundle(event.text));
    },
    interrupting() {
      line.update(lineBundle(`interrupted after ${ended} of ${total} runs; finishing the step and saving …`));
    },
    end(outcome, record) {
      const took = `${arms.length} arms × ${seeds.length} seeds, ${ended} of ${total} runs, ${formatSeconds((now() - began) / 1000)}`;
      const again = outcome === 'interrupted' ? '; run the cell again to go on from there' : '';
      line.end(lineBundle(`${ablation.name}: ${outcome}, ${took}${again}`));
      if (record === undefined || outcome !== 'done') return;
      const { spec } = record;
      const sorted = sortedArms(compareArms(record), spec.better);
      openSlot().end(tableBundle(armsTable(sorted, spec.better, `Arms by ${spec.measure}, the best mean first`)));
      const forest = forestDrawing(`Difference to the baseline ${spec.baseline}`, sorted, spec);
      if (forest !== undefined) openSlot().end(drawingBundle(forest));
    },
  };
}
