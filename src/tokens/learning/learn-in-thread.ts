import { Worker } from 'node:worker_threads';
import { TrainbookError } from '../../error.js';
import type { OnProgress } from '../../progress.js';
import type { Learners, LearntBy, OptionsOf, Reply } from './trainer-thread.js';

/** Characters sent to the thread at once, at least; two such batches are on their way at most. */
const BATCH = 1_000_000;

/**
 * Learns a tokenizer in a thread of its own: the event loop stays free. Documents go there in batches.
 *
 * @throws TrainbookError as the learner does; the signal's reason when it is aborted: the thread is then ended.
 */
export async function learnInThread<Name extends keyof Learners>(
  learner: Name,
  options: OptionsOf<Name>,
  documents: readonly { readonly text: string }[],
  progress: OnProgress,
  signal: AbortSignal | undefined,
): Promise<LearntBy<Name>> {
  signal?.throwIfAborted();
  const worker = startThread({ learner, options });
  const stop = new AbortController();
  try {
    return await new Promise((resolve, reject) => {
      const batches = batchesOf(documents);
      let isLast = false;
      const send = (): void => {
        if (isLast) return;
        const next = batches.next();
        isLast = next.done === true;
        worker.postMessage(next.done === true ? null : next.value);
      };
      let counted = 0;
      worker.on('message', (reply: Reply) => {
        if ('learnt' in reply) resolve(reply.learnt as LearntBy<Name>);
        else if ('refused' in reply) reject(new TrainbookError(reply.refused));
        else if ('share' in reply) {
          progress({ task: 'train the tokenizer', done: 1 + reply.share, total: 2, note: reply.note });
        } else {
          counted += reply.counted;
          const note = `words of ${counted} documents`;
          progress({ task: 'train the tokenizer', done: counted / documents.length, total: 2, note });
          send();
        }
      });
      worker.on('error', reject);
      worker.on('exit', (code) => {
        reject(new Error(`the trainer's thread ended with code ${code}`));
      });
      const abort = (): void => {
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { signal: stop.signal });
      send();
      send();
    });
  } finally {
    stop.abort();
    await worker.terminate();
  }
}

/** The thread's file is JavaScript beside this one; in a checkout that runs from its sources it is TypeScript, which tsx reads. */
function startThread(workerData: unknown): Worker {
  if (import.meta.url.endsWith('.js')) return new Worker(new URL('trainer-thread.js', import.meta.url), { workerData });
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const file = JSON.stringify(new URL('trainer-thread.ts', import.meta.url).href);
  const program = `import(${tsx}).then(({ tsImport }) => tsImport(${file}, ${file}));`;
  return new Worker(program, { eval: true, workerData });
}

function* batchesOf(documents: readonly { readonly text: string }[]): Generator<readonly string[], undefined> {
  let batch: string[] = [];
  let length = 0;
  for (const { text } of documents) {
    batch.push(text);
    length += text.length;
    if (length < BATCH) continue;
    yield batch;
    batch = [];
    length = 0;
  }
  if (batch.length > 0) yield batch;
}
