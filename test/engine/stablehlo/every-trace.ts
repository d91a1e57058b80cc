/**
 * Lowers every trace that the tests make, where `TRAINBOOK_EVERY_TRACE` names a file: a line for each, with its ops or the error.
 *
 *   TRAINBOOK_EVERY_TRACE=/tmp/traces.jsonl npx vitest run --config test/engine/stablehlo/every-trace.config.ts test/model test/train
 *
 * It is no test of its own: it says whether the tests of the rules have left out a form of an op that the library uses.
 */
import { appendFileSync } from 'node:fs';
import { Recorder } from '../../../src/engine/recorder.js';
import { printStableHlo } from '../../../src/engine/stablehlo/print.js';
import type { Trace } from '../../../src/engine/trace.js';

const file = process.env.TRAINBOOK_EVERY_TRACE;
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this`
const finish = Recorder.prototype.finish;

function opsOf({ nodes }: Trace): string[] {
  return nodes.flatMap(({ op, attributes }) => [
    op,
    ...Object.values(attributes).flatMap((attribute) => ('trace' in attribute ? opsOf(attribute.trace) : [])),
  ]);
}

if (file !== undefined && finish.name !== 'finishAndLower') {
  Recorder.prototype.finish = function finishAndLower(this: Recorder, outputs: readonly number[]): Trace {
    const trace = finish.call(this, outputs);
    if (this.depth > 0) return trace;
    const ops = [...new Set(opsOf(trace))];
    let error: string | undefined;
    try {
      printStableHlo(trace);
    } catch (thrown) {
      error = String(thrown);
    }
    appendFileSync(file, `${JSON.stringify({ name: trace.name, ops, numNodes: trace.nodes.length, error })}\n`);
    return trace;
  };
}
