import type { PlannedStage } from '../experiment/event.js';
import { totalSeconds } from '../experiment/plan.js';
import { formatSeconds } from '../report/format.js';

const about = (seconds: number | undefined): string =>
  seconds === undefined ? 'not known' : `about ${formatSeconds(Math.ceil(seconds))}`;

/** What a run would do as one JSON value; times are in seconds, null where nothing is known of them. */
export function planValue(experiment: string, stages: readonly PlannedStage[]): object {
  return {
    experiment,
    stages: stages.map((stage) => ({ ...stage, seconds: stage.seconds ?? null })),
    seconds: totalSeconds(stages) ?? null,
  };
}

/**
 * What a run would do, a line for each stage.
 *
 * @example
 * corpus     from the store             as in run quickstart/2026-11-29-153002-a41c
 * base       would run, about 1 min 58 s  config train.steps: 300, now 200
 */
export function dryRunText(stages: readonly PlannedStage[]): string {
  const rows = stages.map(({ stage, action, reason, seconds }) => {
    const time = seconds === undefined ? 'time not known' : about(seconds);
    return [stage, action === 'cached' ? 'from the store' : `would run, ${time}`, reason] as const;
  });
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.map(
    ([stage, action, reason]) => `${stage.padEnd(width(0))}  ${action.padEnd(width(1))}  ${reason}`,
  );
  const counted = stages.filter(({ action }) => action === 'run').length;
  const sum =
    counted === 0
      ? 'nothing would run: all is in the store'
      : `${counted} of ${stages.length} stages would run; estimate: ${about(totalSeconds(stages))}`;
  return `${lines.join('\n')}\n${sum}\nNothing was run.\n`;
}
