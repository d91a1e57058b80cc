import { fileURLToPath } from 'node:url';
import { TrainbookError } from '../../error.js';
import type { Reply, TaskOfStage } from './thread.js';
import type { Job } from './work.js';

/** Threads that do tasks. */
export interface Pool {
  run(task: TaskOfStage): Promise<void>;
  /** Ends the threads, whatever they do: what is half written lies beside, under another name. */
  end(): Promise<void>;
}

/** Each thread makes the steps once; then it does one task after the other. */
export async function openPool(job: Job, workers: number): Promise<Pool> {
  const { Piscina } = await import('piscina');
  const isSource = import.meta.url.endsWith('.ts');
  const pool = new Piscina<TaskOfStage, Reply>({
    filename: fileURLToPath(new URL(isSource ? 'thread.ts' : 'thread.js', import.meta.url)),
    minThreads: workers,
    maxThreads: workers,
    workerData: job,
    atomics: 'disabled',
    // The process's own flags, such as `--input-type`, are not for the threads.
    execArgv: isSource ? ['--import', readTypeScript()] : [],
  });
  // a thread that cannot even start, as where a step's module is not found
  const broken = new Promise<never>((_, reject) => {
    pool.once('error', reject);
  });
  broken.catch(() => undefined);
  return {
    async run(task) {
      const { refused } = await Promise.race([pool.run(task), broken]);
      if (refused !== undefined) throw new TrainbookError(refused);
    },
    end: () => pool.destroy(),
  };
}

/** In a checkout threads run from the sources, which tsx reads: it is set up in each thread, before all else. */
function readTypeScript(): string {
  const program = `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))}; register();`;
  return `data:text/javascript,${encodeURIComponent(program)}`;
}
