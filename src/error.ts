/** The parts of a message that a user can act on: what went wrong, what was received, what was expected, how to fix it. */
export interface ErrorParts {
  /** One sentence, prefixed with the function or command that refuses, such as `pack: context must be positive`. */
  readonly what: string;
  readonly received?: string | number | boolean;
  readonly expected?: string;
  readonly fix?: string;
  readonly cause?: unknown;
}

/**
 * A mistake that a user can mend. Bugs of ours are plain `Error`s and fail loudly.
 *
 * @example
 * throw new TrainbookError({ what: 'pack: context must be positive', received: -1, expected: 'an integer > 0', fix: 'set model.context' });
 */
export class TrainbookError extends Error {
  override readonly name = 'TrainbookError';
  readonly parts: ErrorParts;

  constructor(parts: ErrorParts) {
    const lines = [parts.what];
    if (parts.received !== undefined) lines.push(`  received: ${parts.received}`);
    if (parts.expected !== undefined) lines.push(`  expected: ${parts.expected}`);
    if (parts.fix !== undefined) lines.push(`  to fix: ${parts.fix}`);
    super(lines.join('\n'), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.parts = parts;
  }
}
