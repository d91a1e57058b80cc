import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/*
 * A message on the wire, in parts: identities, `<IDS|MSG>`, signature, then four texts of JSON:
 *
 * {"msg_id":"…","msg_type":"execute_request","session":"…","username":"","date":"…","version":"5.3"}
 * {}
 * {}
 * {"code":"1 + 1","silent":false,"stop_on_error":true}
 */

/** What a cell gave. */
export interface CellReply {
  readonly status: 'ok' | 'error' | 'abort';
  /** What it wrote to its streams, as one text. */
  readonly text: string;
  /** What it displayed, in order; an update of a display is one more. */
  readonly displays: readonly Display[];
  /** The lines that tell why it failed. */
  readonly traceback: readonly string[];
  readonly milliseconds: number;
}

export interface Display {
  readonly data: Readonly<Record<string, unknown>>;
  readonly id: string | undefined;
  readonly update: boolean;
  /** `performance.now()` at its arrival. */
  readonly at: number;
}

/** A kernel that runs, spoken to without Jupyter. */
export interface RunningKernel {
  /** From the start of the process until it answered. */
  readonly startMilliseconds: number;
  /** Processor time that it has taken so far, in milliseconds; undefined where the system does not say (only Linux does). */
  processorMilliseconds(): number | undefined;
  execute(code: string, options?: { readonly stopOnError?: boolean }): Promise<CellReply>;
  /** As the stop button does. */
  interrupt(): void;
  close(): Promise<void>;
}

interface Message {
  readonly header: { readonly msg_type: string; readonly msg_id: string };
  readonly parent: { readonly msg_id?: string };
  readonly content: Readonly<Record<string, unknown>>;
}

const delimiter = '<IDS|MSG>';

/** tslab's own ZeroMQ. */
function zeroMq(): typeof import('zeromq') {
  const { resolve } = createRequire(import.meta.url);
  return createRequire(resolve('tslab/package.json'))('zeromq') as typeof import('zeromq');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Fields 14 and 15 of `/proc/<pid>/stat`, in hundredths of a second: the name before them may have spaces, and ends with a bracket. */
function processorTime(pid: number | undefined): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid ?? 0}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

/**
 * Starts a kernel by the command of its `kernel.json` and waits until it answers.
 *
 * @example
 * const kernel = await startKernel([process.execPath, 'dist/kernel.cjs', '--config-path', '{connection_file}'], { cwd });
 * const { text } = await kernel.execute('1 + 1'); // '2\n'
 */
export async function startKernel(
  argv: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<RunningKernel> {
  const begun = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-client-'));
  const [shellPort, iopubPort, stdinPort, controlPort, heartPort] = await Promise.all([0, 1, 2, 3, 4].map(freePort));
  const key = randomUUID();
  const file = join(folder, 'connection.json');
  const ports = {
    ...{ shell_port: shellPort, iopub_port: iopubPort, stdin_port: stdinPort },
    ...{ control_port: controlPort, hb_port: heartPort },
  };
  const connection = { transport: 'tcp', ip: '127.0.0.1', key, signature_scheme: 'hmac-sha256', ...ports };
  await writeFile(file, JSON.stringify(connection));
  const [command = '', ...args] = argv.map((part) => part.replace('{connection_file}', file));
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  const gone = once(child, 'close');

  const { Dealer, Subscriber } = zeroMq();
  const session = randomUUID();
  const shell = new Dealer({ routingId: session, linger: 0 });
  const iopub = new Subscriber({ linger: 0 });
  shell.connect(`tcp://127.0.0.1:${shellPort}`);
  iopub.connect(`tcp://127.0.0.1:${iopubPort}`);
  iopub.subscribe();

  const listeners = new Set<(message: Message) => void>();
  const listen = async (socket: AsyncIterable<Buffer[]>): Promise<void> => {
    for await (const parts of socket) {
      const at = parts.findIndex((part) => part.toString() === delimiter);
      const [header, parent, , content] = parts.slice(at + 2).map((part) => JSON.parse(part.toString()) as never);
      for (const listener of [...listeners]) listener({ header, parent, content } as never);
    }
  };
  const listening = [listen(shell), listen(iopub)].map((loop) => loop.catch(() => undefined));

  const send = async (id: string, type: string, content: object): Promise<void> => {
    const date = new Date().toISOString();
    const header = { msg_id: id, msg_type: type, session, username: '', date, version: '5.3' };
    const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
    const signature = createHmac('sha256', key);
    for (const part of parts) signature.update(part);
    await shell.send([delimiter, signature.digest('hex'), ...parts]);
  };

  /** Sends a request and gathers what comes of it, until its reply and the `idle` after it are both there. */
  const request = async (type: string, content: object, milliseconds = 120_000): Promise<readonly Message[]> => {
    const messages: Message[] = [];
    const seen = { reply: false, idle: false };
    const id = randomUUID();
    let settle = (): void => undefined;
    const done = new Promise<void>((resolve) => (settle = resolve));
    const listener = (message: Message): void => {
      if (message.parent.msg_id !== id) return;
      messages.push(message);
      seen.reply ||= message.header.msg_type.endsWith('_reply');
      seen.idle ||= message.header.msg_type === 'status' && message.content['execution_state'] === 'idle';
      if (seen.reply && seen.idle) settle();
    };
    listeners.add(listener);
    await send(id, type, content);
    const timer = setTimeout(settle, milliseconds);
    await Promise.race([done, gone]);
    clearTimeout(timer);
    listeners.delete(listener);
    if (!seen.reply || !seen.idle) throw new Error(`the kernel did not answer ${type}\n${errors}`);
    return messages;
  };

  // Until the subscription has reached the kernel its first messages are lost: we ask again, as Jupyter's own client does.
  for (let tries = 0; ; tries++) {
    try {
      await request('kernel_info_request', {}, 250);
      break;
    } catch (error) {
      if (tries === 200 || child.exitCode !== null) throw error;
    }
  }
  const startMilliseconds = performance.now() - begun;

  return {
    startMilliseconds,
    processorMilliseconds: () => processorTime(child.pid),
    async execute(code, { stopOnError = true } = {}) {
      const sent = performance.now();
      const arrivals = new Map<Message, number>();
      const stamp = (message: Message): void => void arrivals.set(message, performance.now());
      listeners.add(stamp);
      const content = { code, silent: false, store_history: true, allow_stdin: false, stop_on_error: stopOnError };
      const messages = await request('execute_request', content);
      const milliseconds = performance.now() - sent;
      listeners.delete(stamp);
      const of = (type: string): readonly Message[] => messages.filter(({ header }) => header.msg_type === type);
      const displays = messages
        .filter(({ header }) => /^(update_)?display_data$/.test(header.msg_type))
        .map((message): Display => {
          const { data, transient } = message.content as { data: Record<string, unknown>; transient?: object };
          return {
            data,
            id: (transient as { display_id?: string } | undefined)?.display_id,
            update: message.header.msg_type === 'update_display_data',
            at: arrivals.get(message) ?? 0,
          };
        });
      const traceback = of('error').flatMap((message) => message.content['traceback'] as string[]);
      return {
        status: of('execute_reply')[0]?.content['status'] as CellReply['status'],
        text: of('stream')
          .map((message) => String(message.content['text']))
          .join(''),
        displays,
        traceback,
        milliseconds,
      };
    },
    interrupt: () => void child.kill('SIGINT'),
    async close() {
      child.kill('SIGKILL');
      await gone;
      shell.close();
      iopub.close();
      await Promise.all(listening);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
