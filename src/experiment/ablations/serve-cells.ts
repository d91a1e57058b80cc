import { z } from 'zod';
import { cellSchema } from './record.js';
import type { OpenAblation } from './open-ablation.js';
import type { AblationEvent } from './run-ablation.js';
import { runCell } from './run-cell.js';
import type { CellEvent } from './run-cell.js';

// A worker process and the process that started it talk over Node's own channel:
// → {"cell":7}   → {"stop":true}
// ← {"event":{"type":"cell-start",…}}   ← {"outcome":"ended","memoryBytes":181000000}   ← {"refused":"ablation norms: its code …"}
export const requestSchema = z.union([z.object({ cell: z.int() }), z.object({ stop: z.literal(true) })]);
export type Request = z.infer<typeof requestSchema>;

const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('cell-start'), cell: z.int(), arm: z.string(), seed: z.int(), rung: z.int() }),
  z.object({ type: z.literal('cell-end'), cell: z.int(), result: cellSchema }),
  /** What happens in the run: written by `told` alone. */
  z.object({ type: z.literal('cell-run'), cell: z.int(), event: z.custom<CellEvent & object>() }),
]);
export const answerSchema = z.union([
  z.object({ event: eventSchema.transform((event) => event as AblationEvent) }),
  z.object({ outcome: z.enum(['ended', 'busy', 'interrupted']), memoryBytes: z.number() }),
  z.object({ refused: z.string() }),
]);
export type Answer =
  | { readonly event: CellEvent }
  | { readonly outcome: string; readonly memoryBytes: number }
  | { readonly refused: string };

/** Milliseconds between two reports of progress. */
const pace = 200;

/** The part of what happens that a table of cells shows; metrics are in the run's own record. */
function told(tell: (answer: Answer) => void): (event: CellEvent) => void {
  let shownAt = -Infinity;
  return (event) => {
    if (event.type === 'cell-run') {
      const { type } = event.event;
      if (type === 'metrics' || type === 'plan' || type === 'stage-end' || type === 'cached') return;
      if (type === 'progress' && performance.now() - shownAt < pace) return;
      shownAt = performance.now();
    }
    tell({ event });
  };
}

/**
 * What a worker process does: it runs the cells that its parent names, one at a time, until the parent says stop or is gone. Then, as on
 * SIGINT and SIGTERM, the running stage saves what it can.
 */
export async function serveCells(open: (signal: AbortSignal) => Promise<OpenAblation>): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort(new Error('interrupted'));
    process.channel?.unref();
    // A stage that does not look at its signal must not outlive its parent for long.
    setTimeout(() => process.exit(1), 10_000).unref();
  };
  const tell = (answer: Answer): void => {
    if (process.connected) process.send?.(answer, undefined, undefined, () => undefined);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('disconnect', stop);
  // Requests that come while the experiment loads wait.
  const waiting: Request[] = [];
  let serve = (request: Request): void => void waiting.push(request);
  process.on('message', (value) => {
    const request = requestSchema.safeParse(value).data;
    if (request === undefined) return;
    if ('stop' in request) stop();
    else serve(request);
  });
  let opened: OpenAblation;
  try {
    opened = await open(controller.signal);
  } catch (error) {
    tell({ refused: error instanceof Error ? error.message : String(error) });
    stop();
    return;
  }
  const onEvent = told(tell);
  serve = (request) => {
    if (!('cell' in request)) return;
    runCell(opened, request.cell, onEvent).then(
      (outcome) => {
        tell({ outcome, memoryBytes: process.memoryUsage.rss() });
      },
      (error: unknown) => {
        tell({ refused: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      },
    );
  };
  for (const request of waiting.splice(0)) serve(request);
}
