import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../../error.js';
import { canonicalJson, hash, readJson, writeAtomic } from '../../../files.js';
import type { Json } from '../../../files.js';
import type { Model } from '../../../model/model.js';
import { loadModel, saveModel } from '../../../model/model.js';
import { improvementRound } from './rounds.js';
import type { ImprovementRound } from './rounds.js';
import type { KeptAnswers } from './keep-answers.js';

/*
 * checkpoints/
 *   run.json            {"run":"<hash>"}: of the base, the problems and the settings
 *   round-000/round.json   the base's record
 *   round-001/
 *     answers.json      what was kept, and the counts; with it generating is done
 *     training/         checkpoints of the training, until it is done
 *     model/            its weights: those of the best round and of the last
 *     round.json        the record, written last; with it the round is done
 *
 * Both json of a round are sealed: {"own":"<hash of value>","value":…}. What is damaged or half-written counts as not there.
 */

const answersSchema = z.object({
  verified: z.int(),
  distinct: z.int(),
  solved: z.int(),
  kept: z.array(z.object({ problem: z.int(), completion: z.string(), score: z.number() })),
});

/** The rounds of a run on disk. Only one process of a group writes. */
export interface RoundFolder {
  /** The records of all rounds that are done, from 0 on. */
  records(): Promise<ImprovementRound[]>;
  answers(round: number): Promise<KeptAnswers | undefined>;
  keepAnswers(round: number, answers: KeptAnswers): Promise<void>;
  /** Where the training of a round keeps its checkpoints. */
  training(round: number): string;
  model(round: number, architecture: Model['architecture']): Promise<Model>;
  keepModel(round: number, model: Model): Promise<void>;
  /** A round is done: of the models before, only those named are still needed. */
  finish(record: ImprovementRound, needed: readonly number[]): Promise<void>;
}

/**
 * Opens a folder of rounds.
 *
 * @throws TrainbookError if it belongs to a run with another model, other problems or settings.
 */
export async function openRounds(folder: string, run: string, writes: boolean): Promise<RoundFolder> {
  const own = join(folder, 'run.json');
  const found = await readJson(own).catch(() => undefined);
  const earlier = z.object({ run: z.string() }).safeParse(found).data?.run;
  if (earlier !== undefined && earlier !== run) {
    throw new TrainbookError({
      what: `selfImprove: ${folder} belongs to a run with another model, other problems or settings`,
      received: earlier,
      expected: run,
      fix: `give another folder, or remove ${folder}`,
    });
  }
  if (earlier === undefined && writes) await writeAtomic(own, `${JSON.stringify({ run })}\n`);
  const at = (round: number, name: string): string => join(folder, `round-${String(round).padStart(3, '0')}`, name);
  return {
    records: async () => {
      const records: ImprovementRound[] = [];
      for (let round = 0; ; round++) {
        const record = await unsealed(at(round, 'round.json'), improvementRound);
        if (record === undefined) return records;
        records.push(record);
      }
    },
    answers: (round) => unsealed(at(round, 'answers.json'), answersSchema),
    keepAnswers: async (round, answers) => {
      if (writes) await writeAtomic(at(round, 'answers.json'), sealed(answers as unknown as Json));
    },
    training: (round) => at(round, 'training'),
    model: async (round, architecture) => ({ architecture, weights: (await loadModel(at(round, 'model'))).weights }),
    keepModel: async (round, model) => {
      if (writes) await saveModel(model, at(round, 'model'));
    },
    finish: async (record, needed) => {
      if (!writes) return;
      const { round } = record;
      await writeAtomic(at(round, 'round.json'), sealed(record));
      await rm(at(round, 'training'), { recursive: true, force: true });
      for (let earlier = 1; earlier < round; earlier++) {
        if (!needed.includes(earlier)) await rm(at(earlier, 'model'), { recursive: true, force: true });
      }
    },
  };
}

function sealed(value: Json): string {
  return `${JSON.stringify({ own: hash(canonicalJson(value)), value })}\n`;
}

async function unsealed<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const json = await readJson(path).catch(() => undefined);
  const seal = z.object({ own: z.string(), value: z.unknown() }).safeParse(json).data;
  if (seal === undefined || hash(canonicalJson(seal.value as Json)) !== seal.own) return undefined;
  return schema.safeParse(seal.value).data;
}
