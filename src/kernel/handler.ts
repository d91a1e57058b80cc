/** tslab's side of Jupyter's protocol, with what it leaves out: the message `error`, and `stop_on_error`. */
import type { Executor } from './executor.js';
import type { Failure } from './failure.js';

interface Request {
  readonly code: string;
  readonly stop_on_error?: boolean;
}

interface Reply {
  content: object;
  readonly header: { msg_type: string };
  signAndSend(key: string, socket: unknown): void;
}

interface Message {
  readonly content: Request;
  createReply(): Reply;
}

interface Server {
  readonly connInfo: { readonly key: string };
  readonly iopub: unknown;
  handleExecute(socket: unknown, message: Message): Promise<void>;
}

interface Handler {
  readonly execQueue: { add<T>(task: () => Promise<T>): Promise<T>; reset(delay?: number): void };
  execCount: number;
  createWriteToIopub(name: string, write: WriteStream): typeof process.stdout.write;
}

type WriteStream = (name: string, text: string) => void;
type WriteDisplay = (content: object, update: boolean) => void;

/** tslab's module `jupyter.js`. */
export interface JupyterModule {
  lastWriteDisplayData: WriteDisplay | null;
  readonly JupyterHandlerImpl: new (executor: unknown, isJavaScript: boolean) => Handler;
  readonly ZmqServer: (new (handler: Handler, configPath: string) => { init(): void }) & { readonly prototype: Server };
}

/** Cells that are already on their way when one fails are passed over for so long, in milliseconds, as tslab does. */
const PASSED_OVER = 200;

class CellFailed extends Error {}

/** Starts to serve the connection that Jupyter wrote into a file. */
export function serve(jupyter: JupyterModule, executor: Executor, configPath: string): void {
  const handler = new jupyter.JupyterHandlerImpl(executor, false);
  jupyter.ZmqServer.prototype.handleExecute = async function (this: Server, socket, message) {
    const { key } = this.connInfo;
    const send = (type: string, content: object, to: unknown = this.iopub): void => {
      const reply = message.createReply();
      reply.header.msg_type = type;
      reply.content = content;
      reply.signAndSend(key, to);
    };
    const run = async (): Promise<number> => {
      const stream: WriteStream = (name, text) => {
        send('stream', { name, text });
      };
      // What a cell writes after it has ended still goes to it, until the next one runs.
      process.stdout.write = handler.createWriteToIopub('stdout', stream);
      process.stderr.write = handler.createWriteToIopub('stderr', stream);
      jupyter.lastWriteDisplayData = (content, update) => {
        send(update ? 'update_display_data' : 'display_data', content);
      };
      const count = ++handler.execCount;
      send('execute_input', { code: message.content.code, execution_count: count });
      failure = await executor.execute(message.content.code, count).catch(brokenKernel);
      if (failure === undefined) return count;
      send('error', failure);
      if (message.content.stop_on_error === false) return count;
      throw new CellFailed();
    };
    let failure: Failure | undefined;
    const outcome = await handler.execQueue.add(run).then(
      () => (failure === undefined ? 'ok' : 'error'),
      (error: unknown) => {
        if (!(error instanceof CellFailed)) return 'abort'; // a cell before it failed
        handler.execQueue.reset(PASSED_OVER);
        return 'error';
      },
    );
    send('execute_reply', { status: outcome, execution_count: handler.execCount, ...failure }, socket);
  };
  new jupyter.ZmqServer(handler, configPath).init();
}

/** A fault of the kernel itself is an error of the cell: passed over, the cells after it would look as if they had run. */
function brokenKernel(error: unknown): Failure {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = error instanceof Error ? error.message : String(error);
  return { ename: 'KernelError', evalue: `the kernel could not run the cell: ${message}`, traceback: text.split('\n') };
}
