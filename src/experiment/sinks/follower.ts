/**
 * The process beside a run that sends what the run writes: `beside.ts` starts it. It is told what to do by the run's process and
 * tells it how it goes; when that process has ended, it sends what is left and ends too.
 */
import { z } from 'zod';
import { follow } from './follow.js';
import { sinkOf, targetSchema } from './targets.js';

const startSchema = z.object({
  folder: z.string(),
  target: targetSchema,
  interval: z.number().optional(),
  grace: z.number().optional(),
});
export type FollowerStart = z.infer<typeof startSchema>;

// Ctrl-C goes to every process of a terminal: the run ends by it, and then we do
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);

const ended = new Promise<void>((resolve) => {
  process.on('disconnect', resolve);
  process.on('message', (message) => {
    if (message === 'ended') resolve();
  });
});
process.on('message', (message) => {
  const start = startSchema.safeParse(message).data;
  if (start === undefined) return;
  void run(start).then(() => process.exit(0));
});

async function run({ folder, target, interval, grace }: FollowerStart): Promise<void> {
  const tell = (value: object): void => {
    // the other end may be gone
    if (process.connected) process.send?.(value, undefined, undefined, () => undefined);
  };
  try {
    await follow(folder, sinkOf(target, process.env), {
      ended,
      onState: tell,
      ...(interval === undefined ? {} : { interval }),
      ...(grace === undefined ? {} : { grace }),
    });
  } catch (error) {
    tell({ state: 'given-up', reason: error instanceof Error ? error.message : String(error) });
  }
}
