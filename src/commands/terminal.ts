import type { OnEvent, PlannedStage, RunEvent } from '../experiment/event.js';
import type { Summary } from '../figure.js';
import { formatSeconds, formatValue } from '../report/format.js';

/** Where the lines go: a terminal can be rewritten, a file or pipe cannot. */
export interface Screen {
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** Milliseconds between two reports of progress; in a file each is a line of its own. */
const pace = { terminal: 100, file: 10_000 };

/** Writes a run as it happens: the plan with its estimate, a moving line of progress, the facts of each stage. */
export function terminalEvents(screen: Screen, now: () => number = Date.now): OnEvent {
  let shownAt = -Infinity;
  let moving = false;
  let lastMetrics = '';
  const line = (text: string): void => {
    screen.write(`${moving ? '\r\x1b[K' : ''}${text}\n`);
    moving = false;
  };
  const progress = (text: string): void => {
    if (now() - shownAt < (screen.isTerminal ? pace.terminal : pace.file)) return;
    shownAt = now();
    if (!screen.isTerminal) {
      line(text);
      return;
    }
    screen.write(`\r\x1b[K${text.slice(0, screen.columns - 1)}`);
    moving = true;
  };
  return (event: RunEvent) => {
    switch (event.type) {
      case 'run-start': {
        line(`${event.resumed ? 'going on with run' : 'run'} ${event.runId}`);
        return;
      }
      case 'plan': {
        line(planText(event.stages, event.seconds));
        return;
      }
      case 'stage-start':
        shownAt = now(); // a short stage shows no progress at all
        lastMetrics = '';
        {
          line(`▶ ${event.stage}`);
          return;
        }
      case 'progress': {
        const { done, total, note, task } = event.progress;
        const share = total > 0 ? ` ${Math.floor((100 * done) / total)}%` : '';
        const shown = note ?? lastMetrics;
        progress(
          `  ${task}${share} (${formatValue(done)} of ${formatValue(total)})${shown === '' ? '' : `  ${shown}`}`,
        );
        return;
      }
      case 'metrics':
        lastMetrics = Object.entries(event.values)
          .map(([name, value]) => `${name} ${formatValue(value)}`)
          .join(', ');
        return;
      case 'stage-end': {
        line(`✓ ${event.stage} in ${formatSeconds(event.seconds)}${summaryText(event.summary)}`);
        return;
      }
      case 'cached': {
        line(`✓ ${event.stage} from the store (took ${formatSeconds(event.seconds)})${summaryText(event.summary)}`);
        return;
      }
      case 'message': {
        line(`  ${event.text}`);
        return;
      }
      case 'run-end': {
        line(`${event.state} in ${formatSeconds(event.seconds)}`);
        return;
      }
    }
  };
}

function planText(stages: readonly PlannedStage[], seconds: number | undefined): string {
  const list = stages.map(({ stage, action }) => (action === 'cached' ? `${stage} (stored)` : stage)).join(' → ');
  return `${list}\nestimate: ${seconds === undefined ? 'not known' : `about ${formatSeconds(Math.ceil(seconds))}`}`;
}

function summaryText({ facts, texts }: Summary): string {
  const shown = Object.entries(facts).map(([name, value]) => `\n    ${name}: ${formatValue(value)}`);
  const samples = (texts ?? [])
    .slice(0, 2)
    // a sample begins with its prompt, which is its title
    .map(({ title, text }) => (text.startsWith(title) ? text : `${title}: ${text}`))
    .map((text) => `\n    ${text.replaceAll('\n', '\n      ')}`);
  return [...shown, ...samples].join('');
}
