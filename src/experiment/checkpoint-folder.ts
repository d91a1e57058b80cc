import { mkdir, readdir, rm } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { z } from 'zod';
import { canonicalJson, hash, readJson, writeAtomic } from '../files.js';
import type { Json } from '../files.js';
import { takeRows } from './execution.js';
import { readAllRows } from './metrics.js';
import { readsSchema } from './reads.js';
import type { Reads } from './reads.js';
import { inputsDiffer, storePath } from './session.js';
import type { Session } from './session.js';

// store/checkpoints/base/<identity>/ is what the stage itself keeps there; <identity>.json beside it says which run began
// it and what the stage had read by then. The identity has everything the stage may depend on, more than it
// reads: what a killed stage goes on from must be of the very same computation.

const noteSchema = z.object({ run: z.string(), createdAt: z.string(), reads: readsSchema });

export interface CheckpointFolder {
  readonly path: string;
  /** What earlier, killed attempts read, if the stage goes on from what they left. */
  readonly earlier: Reads | undefined;
  /** Makes the folder, when the stage first asks for it. */
  make(): void;
  note(reads: Reads): Promise<void>;
  remove(): Promise<void>;
}

/** The folder for checkpoints of one computation; what lies there from a killed run stays if all it read is unchanged. */
export async function openCheckpoints(
  session: Session,
  stage: string,
  artifacts: Readonly<Record<string, string>>,
): Promise<CheckpointFolder> {
  const { code, numericClass, config, seed } = session;
  const identity: Json = { stage, code: code.ofStage(stage), numericClass, config, seed, artifacts };
  const path = storePath(session.store, 'checkpoints', stage, hash(canonicalJson(identity)));
  const notePath = `${path}.json`;
  const run = relative(session.runsFolder, session.record.folder);
  const earlier = await resumable(session, stage, path, notePath);
  if (earlier === undefined) await rm(path, { recursive: true, force: true });
  let last = Promise.resolve();
  const createdAt = new Date().toISOString();
  return {
    path,
    earlier,
    make() {
      mkdirSync(path, { recursive: true });
    },
    note(reads) {
      // One after another, so that an older note never ends on top of a newer one.
      last = last.then(() => writeAtomic(notePath, JSON.stringify({ run, createdAt, reads })));
      return last;
    },
    async remove() {
      await last.catch(() => undefined);
      await rm(path, { recursive: true, force: true });
      await rm(notePath, { force: true });
    },
  };
}

async function resumable(session: Session, stage: string, path: string, notePath: string): Promise<Reads | undefined> {
  await mkdir(dirname(path), { recursive: true });
  if ((await readdir(path).catch(() => [])).length === 0) return undefined;
  const note = noteSchema.safeParse(await readJson(notePath).catch(() => undefined));
  if (!note.success) return undefined;
  const { stages, since } = session.forced;
  if (stages.has(stage) && note.data.createdAt < since) return undefined;
  const differs = await inputsDiffer(session, note.data.reads);
  if (differs !== undefined) {
    const text = `stage ${stage} begins anew instead of going on from its checkpoint: ${differs}`;
    session.emit({ type: 'message', stage, text });
    return undefined;
  }
  const from = resolve(session.runsFolder, note.data.run);
  if (from !== session.record.folder) {
    const rows = await readAllRows(from);
    await takeRows(
      session,
      stage,
      rows.filter((row) => row.stage === stage),
    );
  }
  session.emit({ type: 'message', stage, text: `stage ${stage} goes on from the checkpoint of run ${note.data.run}` });
  return note.data.reads;
}
