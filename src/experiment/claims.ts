import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { heartbeat, isAlive, ownerSchema, thisProcess, withLock } from './lock.js';
import { readsSchema } from './reads.js';
import type { Reads } from './reads.js';

// Which stages run just now, in which process, and what they have read so far:
// locks/base/3f9c….json = {"owner":{"pid":4711,…},"id":"3f9c…","code":"…","numericClass":"…","reads":{…}}
//
// What a stage will read is not known before it ran. So whoever wants to run a stage that already runs elsewhere, with the
// same code, waits as long as all that the other has read is the same for both; as soon as the other reads something that
// differs (a learning rate, a seed), the two are different computations and go on side by side.

const claimSchema = z.object({
  owner: ownerSchema,
  id: z.string(),
  code: z.string(),
  numericClass: z.string(),
  reads: readsSchema,
});
export type Claim = z.infer<typeof claimSchema>;

export interface Claimed {
  /** Publishes what the stage has read so far. */
  update(reads: Reads): void;
  release(): Promise<void>;
}

export interface ClaimOptions {
  readonly code: string;
  readonly numericClass: string;
  /** Why an execution that read this cannot be the same as ours; undefined if it may be. */
  readonly differs: (reads: Reads) => Promise<string | undefined>;
  /** Called once when another process runs what may be the same. */
  readonly onWait: (claim: Claim) => void;
  readonly signal: AbortSignal;
}

async function readClaim(path: string): Promise<Claim | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const claim = claimSchema.parse(JSON.parse(text));
    if (isAlive(claim.owner, mtimeMs)) return claim;
    await rm(path, { force: true });
  } catch {
    // gone, or not of this version: no claim that could be waited for
  }
  return undefined;
}

/**
 * Claims a stage (folder: `locks/<stage>`) for this process, or waits until another process that runs it has ended and
 * gives undefined: then look for its result, and claim again if there is none.
 */
export async function claimStage(folder: string, options: ClaimOptions): Promise<Claimed | undefined> {
  const claims = join(folder, 'claims');
  await mkdir(claims, { recursive: true });
  const sameAsOurs = async (claim: Claim): Promise<boolean> =>
    claim.code === options.code &&
    claim.numericClass === options.numericClass &&
    (await options.differs(claim.reads)) === undefined;

  for (;;) {
    const result = await withLock(
      join(folder, 'lock'),
      async () => {
        for (const name of (await readdir(claims)).filter((each) => each.endsWith('.json'))) {
          const claim = await readClaim(join(claims, name));
          if (claim !== undefined && (await sameAsOurs(claim))) return claim;
        }
        return makeClaim(claims, options);
      },
      options.signal,
    );
    if ('release' in result) return result;
    options.onWait(result);
    for (;;) {
      await sleep(150, undefined, { signal: options.signal });
      const claim = await readClaim(join(claims, `${result.id}.json`));
      if (claim === undefined) return undefined;
      if (!(await sameAsOurs(claim))) break;
    }
  }
}

function makeClaim(folder: string, { code, numericClass }: ClaimOptions): Claimed {
  const id = randomUUID();
  const path = join(folder, `${id}.json`);
  const beside = join(folder, `${id}.tmp`);
  const write = (reads: Reads): void => {
    const claim: Claim = { owner: thisProcess, id, code, numericClass, reads };
    try {
      writeFileSync(beside, JSON.stringify(claim));
      renameSync(beside, path);
    } catch (error) {
      rmSync(beside, { force: true });
      throw error;
    }
  };
  write({ config: [], artifacts: {}, files: {} });
  const stop = heartbeat(path);
  return {
    update: write,
    async release() {
      stop();
      await rm(path, { force: true });
    },
  };
}
