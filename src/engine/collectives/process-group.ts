import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { binding, tensorIds, wrapTensor } from '../backend.js';
import type { Pointer } from '../capi.js';
import { type Group, type Reduction, requireMovable, requireReducible } from '../group.js';
import { settleMemory } from '../memory.js';
import { bytesOf, formatSpec, type Spec } from '../trace.js';
import { leaving } from './hub.js';
import type { Link } from './link.js';
import { type Collective, type CollectiveRuntime, gathered } from './runtime.js';

/** A group of several processes: the link agrees on each call, the runtime makes it. */
export class ProcessGroup implements Group {
  bytesSent = 0;
  private numCalls = 0;
  private left: Promise<void> | undefined;
  /** Calls are made one after another, in the order in which they were asked for. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly index: number,
    readonly size: number,
    private readonly link: Link,
    private readonly runtime: CollectiveRuntime,
    /** Seconds for the transport of one call. */
    private readonly patience: number,
  ) {
    link.signal.addEventListener('abort', () => {
      runtime.abort('the group is over');
    });
    process.once('beforeExit', this.leaveAtExit);
  }

  get signal(): AbortSignal {
    return this.link.signal;
  }

  allReduce(tensors: readonly tf.Tensor[], reduction: Reduction): Promise<tf.Tensor[]> {
    return this.collective(`allReduce ${reduction}`, { kind: 'reduce', reduction }, tensors, (bytes) => {
      return (2 * (this.size - 1) * bytes) / this.size;
    });
  }

  allGather(tensors: readonly tf.Tensor[]): Promise<tf.Tensor[]> {
    return this.collective('allGather', { kind: 'gather' }, tensors, (bytes) => (this.size - 1) * bytes);
  }

  broadcast(tensors: readonly tf.Tensor[], from: number): Promise<tf.Tensor[]> {
    return this.collective(`broadcast from ${from}`, { kind: 'broadcast', from }, tensors, (bytes) =>
      this.index === from ? (this.size - 1) * bytes : 0,
    );
  }

  async barrier(): Promise<void> {
    await this.link.agree(++this.numCalls, ['barrier']);
  }

  leave(): Promise<void> {
    return (this.left ??= this.depart());
  }

  private async depart(): Promise<void> {
    process.off('beforeExit', this.leaveAtExit);
    await this.last.catch(() => undefined);
    await this.link.agree(++this.numCalls, [leaving]);
    this.link.close();
    this.runtime.close();
  }

  /** A script that ends without a word has no more calls to make; who ends with a failure is lost. */
  private readonly leaveAtExit = (code: number): void => {
    if (code !== 0 || this.signal.aborted) return;
    this.leave().catch((error: unknown) => {
      process.exitCode = 1;
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  };

  private async collective(
    name: string,
    collective: Collective,
    tensors: readonly tf.Tensor[],
    sent: (bytes: number) => number,
  ): Promise<tf.Tensor[]> {
    if (collective.kind === 'reduce') requireReducible(tensors, collective.reduction);
    else requireMovable(tensors);
    requireMember(collective, this.size);
    this.signal.throwIfAborted();
    const ids = tensorIds(tensors);
    const specs = ids.map((id) => binding.specOf(id));
    const parcel = this.runtime.collect(
      ids.map((id) => binding.handleOf(id)),
      specs,
    );
    const number = ++this.numCalls;
    const turn = this.last;
    const make = async (): Promise<tf.Tensor[]> => {
      try {
        await this.link.agree(number, [name, ...specs.map(formatSpec)]);
      } catch (error) {
        this.runtime.discard(parcel);
        throw error;
      }
      await turn.catch(() => undefined);
      this.link.hold(true);
      try {
        const delivery = await this.inTime(name, this.runtime.run(collective, parcel));
        this.bytesSent += sent(specs.reduce((sum, spec) => sum + bytesOf(spec), 0));
        return delivery.map((tensor, position) =>
          receive(tensor, gathered(collective, specs[position] as Spec, this.size)),
        );
      } catch (error) {
        throw await this.failure(name, error);
      } finally {
        this.link.hold(false);
      }
    };
    const made = make();
    this.last = made;
    const results = await made;
    await settleMemory();
    return results;
  }

  /** A transport that stands still is given up by ending the group: that makes TensorFlow's part fail. */
  private async inTime<R>(name: string, transport: Promise<R>): Promise<R> {
    const timer = setTimeout(() => {
      void this.failure(name, new Error(`not all tensors have come within ${this.patience} s`));
    }, this.patience * 1000);
    try {
      return await transport;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What the members are told when TensorFlow fails, or have been told before. */
  private async failure(name: string, cause: unknown): Promise<unknown> {
    const error = new TrainbookError({
      what: `group: ${name} failed in member ${this.index}`,
      received: cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause),
      expected: 'every member to reach the servers of the others',
      fix: 'see whether the machines reach each other at any port (firewalls)',
      cause,
    });
    return this.link.fail(error);
  }
}

/** A tensor of what TensorFlow gave. */
function receive(tensor: Pointer | undefined, spec: Spec): tf.Tensor {
  if (tensor === undefined)
    return wrapTensor(binding.createTensor([...spec.shape], binding.dtypeNumber(spec.dtype), []));
  const { context } = binding;
  const handle = context.c.newHandle(tensor, context.statusPointer) as Pointer;
  context.c.deleteTensor(tensor);
  context.check('TFE_NewTensorHandle');
  return wrapTensor(binding.addHandle(handle, spec));
}

function requireMember(collective: Collective, size: number): void {
  if (collective.kind !== 'broadcast') return;
  const { from } = collective;
  if (Number.isSafeInteger(from) && from >= 0 && from < size) return;
  throw new TrainbookError({
    what: 'group: there is no such member to broadcast from',
    received: from,
    expected: `an integer from 0 to ${size - 1}`,
  });
}
