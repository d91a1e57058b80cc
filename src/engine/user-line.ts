const packageFrames = /node_modules|tfjs-core|[\\/](?:src|dist)[\\/]engine[\\/]|node:internal/;

/**
 * Which line of the user's code an op comes from. The thousands of ops of a trace come from some dozens of lines; a stack as text,
 * mapped to its TypeScript, costs more than to record an op. So V8's own frames are read for each op, and a line's text is made once.
 */
export class UserLines {
  /** By position in the code that runs. */
  private readonly known = new Map<string, string | undefined>();

  /** The nearest line of the stack outside the engine and tfjs, such as `decoder.ts:41:12`. */
  here(): string | undefined {
    const position = framesOfStack((frames) => {
      const frame = frames.find((each) => !packageFrames.test(each.getFileName() ?? 'node:internal'));
      return frame && `${frame.getFileName() ?? ''}:${frame.getLineNumber() ?? 0}:${frame.getColumnNumber() ?? 0}`;
    });
    if (position === undefined) return undefined;
    if (!this.known.has(position)) this.known.set(position, lineAsText());
    return this.known.get(position);
  }
}

/** What `read` makes of the frames of the calls that led here. */
function framesOfStack<Result>(read: (frames: readonly NodeJS.CallSite[]) => Result): Result {
  const before = {
    stackTraceLimit: Error.stackTraceLimit,
    prepareStackTrace: Reflect.get(Error, 'prepareStackTrace') as unknown,
  };
  const holder: { stack?: Result } = {};
  Object.assign(Error, {
    stackTraceLimit: 40,
    prepareStackTrace: (_: unknown, frames: readonly NodeJS.CallSite[]) => read(frames),
  });
  try {
    Error.captureStackTrace(holder);
    return holder.stack as Result; // V8 calls prepareStackTrace when it is read
  } finally {
    Object.assign(Error, before);
  }
}

/** The same line as whoever maps stacks to their sources has it. */
function lineAsText(): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  for (const frame of stack.split('\n').slice(1)) {
    const line = /([^\\/(]+:\d+:\d+)\)?$/.exec(frame)?.[1];
    if (line !== undefined && !packageFrames.test(frame)) return line;
  }
  return undefined;
}
