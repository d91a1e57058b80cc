/**
 * A set-up that cannot go on: what happened, what was found, what is needed, and the command that mends it. The same four
 * parts as `TrainbookError` of `src/error.ts`, for the code that runs before anything is built.
 */
export class Stop extends Error {
  /** @param {{ what: string, received?: string, expected?: string, fix?: string }} parts */
  constructor({ what, received, expected, fix }) {
    const lines = [what];
    if (received !== undefined) lines.push(`  received: ${received}`);
    if (expected !== undefined) lines.push(`  expected: ${expected}`);
    if (fix !== undefined) lines.push(`  to fix: ${fix}`);
    super(lines.join('\n'));
    this.name = 'Stop';
  }
}
