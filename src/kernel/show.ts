/** What the kernel itself shows in a cell: its last value, and the note that a name is stale. */
import { randomUUID } from 'node:crypto';
import type { JupyterModule } from './handler.js';
import type { Stale } from './stale.js';

/**
 * The function by which a library shows its values. trainbook puts one here when it is imported; the kernel, a program of its own, knows
 * nothing else of it. It answers whether it has shown the value.
 */
export const displayKey = Symbol.for('trainbook.display');

type Display = (value: unknown) => Promise<boolean>;

/** Shows a cell's last value: richly where a library knows it, else as `console.log` does. */
export async function showValue(value: unknown): Promise<void> {
  const display: unknown = Reflect.get(globalThis, displayKey);
  if (typeof display === 'function' && (await (display as Display)(value))) return;
  console.log(value);
}

const escape = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Names told of; more of them are counted. */
const TOLD = 3;

/** Says which names of the cell are older than what they were made of. */
export function showStale(jupyter: JupyterModule, stale: readonly Stale[]): void {
  const lines = stale
    .slice(0, TOLD)
    .map(
      ({ name, cell, changed, by }) =>
        `${name} is stale: cell [${cell}] made it with an earlier ${changed}, which cell [${by}] has changed since. ` +
        `Run the cell of ${name} again.`,
    );
  if (stale.length > TOLD) lines.push(`… and ${stale.length - TOLD} more`);
  const html = lines.map((line) => `<div>${escape(line)}</div>`).join('');
  jupyter.lastWriteDisplayData?.(
    {
      data: {
        'text/plain': lines.join('\n'),
        'text/html': `<div style="border-left:3px solid #d0652a;padding:2px 0 2px 10px;margin:2px 0">${html}</div>`,
      },
      metadata: {},
      transient: { display_id: randomUUID() },
    },
    false,
  );
}
