import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Group } from '../engine/group.js';

/** What the process that keeps the record of a run (member 0) tells the others of its group. */
const orderSchema = z.discriminatedUnion('do', [
  /** Run this stage along: it takes the group. Artifacts are in the store, by their hashes. */
  z.object({
    do: z.literal('stage'),
    stage: z.string(),
    artifacts: z.record(z.string(), z.string()),
    checkpoints: z.string(),
  }),
  /** Member 0 is at work alone, and alive. */
  z.object({ do: z.literal('wait') }),
  z.object({ do: z.literal('end') }),
]);
export type Order = z.infer<typeof orderSchema>;

/** Text as a tensor, since tensors are what a group moves: [length] int32, a UTF-8 byte each. */
async function send(group: Group, order: Order): Promise<void> {
  const tf = await tensors();
  const bytes = Int32Array.from(Buffer.from(JSON.stringify(order), 'utf8'));
  await moved(group, tf.scalar(bytes.length, 'int32'));
  await moved(group, tf.tensor1d(bytes, 'int32'));
}

/** The next order of member 0. */
export async function receiveOrder(group: Group): Promise<Order> {
  const tf = await tensors();
  const [length = 0] = await moved(group, tf.scalar(0, 'int32'));
  const bytes = await moved(group, tf.zeros([length], 'int32'));
  return orderSchema.parse(JSON.parse(Buffer.from(Uint8Array.from(bytes)).toString('utf8')));
}

/** Loaded when there is somebody to send to: a run of one process may need no tensors at all. */
const tensors = () => import('@tensorflow/tfjs');

async function moved(group: Group, tensor: Tensor): Promise<Int32Array> {
  const results = await group.broadcast([tensor], 0);
  try {
    return results[0] === undefined ? new Int32Array() : ((await results[0].data()) as Int32Array);
  } finally {
    for (const each of [tensor, ...results]) each.dispose();
  }
}

/** The others give up on a call that member 0 does not come to for half an hour: it speaks to them more often than that. */
const millisecondsBetweenWaits = 60_000;

/** Member 0 of a group, which keeps the record of the run and tells the others which stages to run along. */
export class Leader {
  readonly #group: Group;
  #said: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(group: Group) {
    this.#group = group;
    this.#await();
  }

  /** The others begin a stage; until `work` ends the group's calls are the stage's own. */
  async together<T>(order: Extract<Order, { do: 'stage' }>, work: () => Promise<T>): Promise<T> {
    clearInterval(this.#timer);
    await this.#say(order);
    try {
      return await work();
    } finally {
      this.#await();
    }
  }

  /** The run is over, for all. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#group.signal.aborted) await this.#say({ do: 'end' });
  }

  #await(): void {
    if (this.#group.size === 1) return;
    this.#timer = setInterval(() => {
      this.#say({ do: 'wait' }).catch(() => undefined); // of a lost group the next stage tells
    }, millisecondsBetweenWaits).unref();
  }

  #say(order: Order): Promise<void> {
    this.#said = this.#said.then(() => (this.#group.size === 1 ? undefined : send(this.#group, order)));
    return this.#said;
  }
}
