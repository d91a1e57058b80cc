import type { Socket } from 'node:net';
import type { z } from 'zod';

/** Longer lines come from a stranger: the names of a model's tensors are some 100 KB. */
const longestLine = 16 * 2 ** 20;

/** A TCP connection that carries messages, and signs of life while there are none. */
export interface Connection<Sent> {
  send(message: Sent): void;
  /** Ends it, after what was sent; `onEnd` is not called. */
  close(): void;
  /** Whether the process should stay for it. */
  hold(isHeld: boolean): void;
}

export interface ConnectionOptions<Received> {
  readonly schema: z.ZodType<Received>;
  /** Seconds without a sign of life after which the other side counts as gone. */
  readonly silence: number;
  readonly onMessage: (message: Received) => void;
  /** The other side is gone: why, in words. */
  readonly onEnd: (reason: string) => void;
}

/**
 * Wraps a socket that is connected. A killed process closes its connections, which is seen at once; a machine or a process that
 * hangs is silent. Silence is counted in ticks of our own clock, so that a process that was itself stopped for a while (a laptop
 * asleep, a long synchronous computation) does not take the others for dead.
 */
export function connection<Sent, Received>(
  socket: Socket,
  { schema, silence, onMessage, onEnd }: ConnectionOptions<Received>,
): Connection<Sent | { beat: true }> {
  let isOpen = true;
  let silentTicks = 0;
  let rest = '';
  const milliseconds = Math.min(1000, (silence * 1000) / 5);
  const stop = (): void => {
    isOpen = false;
    clearInterval(timer);
  };
  const end = (reason: string): void => {
    if (!isOpen) return;
    stop();
    socket.destroy();
    onEnd(reason);
  };
  const send = (message: Sent | { beat: true }): void => {
    if (isOpen) socket.write(`${JSON.stringify(message)}\n`);
  };
  const timer = setInterval(() => {
    silentTicks++;
    if (silentTicks * milliseconds > silence * 1000) end(`no sign of life for ${silence} s`);
    else send({ beat: true });
  }, milliseconds);
  timer.unref();
  socket.setNoDelay(true);
  socket.setEncoding('utf8');
  socket.unref();
  socket.on('data', (text: string) => {
    silentTicks = 0;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) end('it sends what is no message');
    for (const line of lines) {
      const message = parse(schema, line);
      if (message === undefined) end('it sends what is no message');
      else if (isOpen) onMessage(message);
    }
  });
  const gone = 'its process ended (the connection closed)';
  socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    end(code === 'ECONNRESET' || code === 'EPIPE' ? gone : `its connection broke (${message})`);
  });
  socket.on('close', () => {
    end(gone);
  });
  return {
    send,
    close: () => {
      if (!isOpen) return;
      stop();
      socket.end();
    },
    hold: (isHeld) => {
      if (isHeld) socket.ref();
      else socket.unref();
    },
  };
}

function parse<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
