import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OnEvent, RunEvent } from './event.js';
import { filterSecrets } from './provenance/secrets.js';

// 2026-11-29T15:40:21.113Z run 2026-11-29-154021-3f9c of quickstart begins
// 2026-11-29T15:40:21.377Z plan: corpus (stored), tokenizer (it never ran before); about 96 s
// 2026-11-29T15:40:21.402Z tokenizer: begins, for it never ran before
// 2026-11-29T15:40:25.911Z tokenizer: done in 4.5 s, artifact 9f0c…

const seconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;

/** An event as a line of the log; undefined for what has records of its own: metrics, and progress that nobody reads afterwards. */
function lineOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'run-start':
      return `run ${event.runId} ${event.resumed ? 'goes on' : 'begins'}, process ${process.pid}`;
    case 'plan': {
      const stages = event.stages.map(({ stage, action, reason }) =>
        action === 'cached' ? `${stage} (stored)` : `${stage} (${reason})`,
      );
      const estimate = event.seconds === undefined ? '' : `; about ${seconds(event.seconds)}`;
      return `plan: ${stages.join(', ')}${estimate}`;
    }
    case 'stage-start':
      return `${event.stage}: begins, for ${event.reason}`;
    case 'stage-end':
      return `${event.stage}: done in ${seconds(event.seconds)}, artifact ${event.artifact}`;
    case 'cached':
      return `${event.stage}: from the store, artifact ${event.artifact}`;
    case 'message':
      return `${event.stage === undefined ? '' : `${event.stage}: `}${event.text}`;
    case 'run-end':
      return `${event.state} in ${seconds(event.seconds)}`;
    case 'metrics':
    case 'progress':
      return undefined;
  }
}

/** Appends what happens in a run to its `log.txt`, a line each, without secrets. A log that cannot be written stops no run. */
export function runLog(folder: string): { readonly onEvent: OnEvent; note(text: string): void } {
  const path = join(folder, 'log.txt');
  const note = (text: string): void => {
    const indented = filterSecrets(text).text.trimEnd().replaceAll('\n', '\n  ');
    try {
      appendFileSync(path, `${new Date().toISOString()} ${indented}\n`);
    } catch {
      // no space, or the folder is gone: other writers say so
    }
  };
  return {
    note,
    onEvent(event) {
      const line = lineOf(event);
      if (line !== undefined) note(line);
    },
  };
}
