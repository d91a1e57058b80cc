import { join } from 'node:path';
import { letterOf, rankingText } from '../post-training/rankings.js';
import { originOf } from '../post-training/samples.js';
import type { SampleRow } from '../post-training/samples.js';
import { labelOrder, shownOrder } from './label-order.js';
import { followOthers } from './others-rankings.js';
import { openRankings, rankingsFileName } from './rankings-file.js';
import type { RankedLine, RankingLine, WithdrawnLine } from './ranking-line.js';
import { stands } from './ranking-line.js';

/** Places from left to right, the best group first; those of a group are as good as each other: `[[2], [0, 1]]`. */
export type PlaceGroups = readonly (readonly number[])[];

/** What an annotator is to judge now. */
export interface LabelTask {
  readonly sample: SampleRow;
  readonly dimension: string;
  /** Numbers of answers as they are shown, from left to right. */
  readonly order: readonly number[];
  /** What was judged of this sample already, by dimension. */
  readonly judged: Readonly<Record<string, PlaceGroups>>;
  /** What was taken back just now, to begin with. */
  readonly draft?: PlaceGroups;
}

export interface LabelProgress {
  /** Samples that are ranked in all dimensions, or left out. */
  readonly done: number;
  /** Samples that this annotator is to judge. */
  readonly count: number;
  readonly canUndo: boolean;
  /** Undefined when all are done. */
  readonly task: LabelTask | undefined;
}

/** One annotator's work on a file of samples. What is judged is on the disk before a promise resolves. */
export interface Labelling {
  readonly annotator: string;
  readonly dimensions: readonly string[];
  /** The file of rankings. */
  readonly path: string;
  progress(): Promise<LabelProgress>;
  /** Gives false, and writes nothing, where it is no judgement of these samples. */
  judge(sample: string, dimension: string, groups: PlaceGroups, seconds: number): Promise<boolean>;
  /** Leaves a sample out in all dimensions that are not judged yet. */
  skip(sample: string, reason: string, seconds: number): Promise<boolean>;
  /** Takes back what was judged last, also before a restart; `progress` then gives it again. */
  undo(): Promise<boolean>;
  close(): Promise<void>;
}

export interface LabellingOptions {
  readonly samples: readonly SampleRow[];
  /** The name of their file, and the hash of its bytes. */
  readonly file: { readonly file: string; readonly hash: string };
  /** Where the rankings are kept, a file an annotator. */
  readonly folder: string;
  readonly annotator: string;
  readonly dimensions: readonly string[];
  /** Share of the samples that all annotators judge; each other is judged once. */
  readonly overlap: number;
}

/**
 * Begins one annotator's work, or goes on with it: what is judged is not asked again.
 *
 * @throws TrainbookError where the folder has rankings of another file of samples.
 */
export async function openLabelling(options: LabellingOptions, now: () => Date = () => new Date()): Promise<Labelling> {
  const { samples, file: samplesFile, folder, annotator, dimensions, overlap } = options;
  const path = join(folder, rankingsFileName(annotator));
  const file = await openRankings(path, { annotator, samples: samplesFile.hash });
  const others = followOthers(folder, path, samplesFile.hash);
  const { order, shared } = labelOrder(samplesFile.hash, samples.length, annotator, overlap);
  const byId = new Map(samples.map((sample) => [sample.id, sample]));
  // By sample, then dimension, only what stands; what was judged last stands last.
  const standing = new Map<string, Map<string, RankingLine>>();
  const take = (line: RankingLine): void => {
    const own = standing.get(line.sample) ?? new Map<string, RankingLine>();
    own.delete(line.dimension);
    if (stands(line)) own.set(line.dimension, line);
    standing.delete(line.sample);
    if (own.size > 0) standing.set(line.sample, own);
  };
  file.lines.forEach(take);
  let returned: { readonly sample: string; readonly draft?: PlaceGroups } | undefined;

  const write = async (lines: readonly RankingLine[]): Promise<void> => {
    await file.append(lines);
    lines.forEach(take);
    returned = undefined;
  };
  const open = (sample: SampleRow): string | undefined =>
    dimensions.find((dimension) => standing.get(sample.id)?.has(dimension) !== true);
  const places = ({ id, answers }: SampleRow): readonly number[] =>
    shownOrder(samplesFile.hash, id, annotator, answers.length);
  const said = ({ id, name }: SampleRow, dimension: string, seconds: number): Omit<WithdrawnLine, 'ranking'> => ({
    sample: id,
    ...(name === undefined ? {} : { name }),
    dimension,
    annotator,
    time: now().toISOString(),
    seconds,
    samples: samplesFile,
  });
  const last = (): readonly RankingLine[] => {
    const lines = [...([...standing.values()].at(-1)?.values() ?? [])].filter(({ dimension }) =>
      dimensions.includes(dimension),
    );
    const newest = lines.at(-1);
    // What was left out in several dimensions at once is one judgement.
    return newest?.ranking === null
      ? lines.filter(({ ranking, time }) => ranking === null && time === newest.time)
      : lines.slice(-1);
  };

  const taskOf = (sample: SampleRow, dimension: string): LabelTask => {
    const order = places(sample);
    const judged = [...(standing.get(sample.id) ?? [])].flatMap(([name, { ranking }]) =>
      ranking === null ? [] : [[name, groupsOf(ranking, order)] as const],
    );
    const draft = returned?.sample === sample.id ? returned.draft : undefined;
    const begun = { sample, dimension, order, judged: Object.fromEntries(judged) };
    return draft === undefined ? begun : { ...begun, draft };
  };

  return {
    annotator,
    dimensions,
    path,
    async progress() {
      const taken = shared.size === samples.length ? new Set<string>() : await others();
      const mine = order.flatMap((at) => {
        const sample = samples[at];
        if (sample === undefined) return [];
        return shared.has(at) || standing.has(sample.id) || !taken.has(sample.id) ? [sample] : [];
      });
      const undone = returned === undefined ? undefined : byId.get(returned.sample);
      const next = undone ?? mine.find((sample) => open(sample) !== undefined);
      const dimension = next === undefined ? undefined : open(next);
      return {
        done: mine.filter((sample) => open(sample) === undefined).length,
        count: mine.length,
        canUndo: last().length > 0,
        task: next === undefined || dimension === undefined ? undefined : taskOf(next, dimension),
      };
    },
    async judge(id, dimension, groups, seconds) {
      const sample = byId.get(id);
      if (sample === undefined || !dimensions.includes(dimension)) return false;
      const order = places(sample);
      const ranks = ranksOf(groups, order);
      if (ranks === undefined) return false;
      const line: RankedLine = {
        ...said(sample, dimension, seconds),
        ...(sample.language === undefined ? {} : { language: sample.language }),
        prompt: [...sample.prompt],
        answers: sample.answers.map(({ text }) => text),
        ranking: rankingText(ranks),
        shown: order.map(letterOf).join(''),
        origins: sample.answers.map((answer) => originOf({ ...answer })),
      };
      await write([line]);
      return true;
    },
    async skip(id, reason, seconds) {
      const sample = byId.get(id);
      const left = dimensions.filter((dimension) => standing.get(id)?.has(dimension) !== true);
      if (sample === undefined || left.length === 0) return false;
      const time = now().toISOString();
      await write(
        left.map((dimension) => ({ ...said(sample, dimension, seconds), time, ranking: null, skipped: reason })),
      );
      return true;
    },
    async undo() {
      const lines = last();
      const [first] = lines;
      const sample = first === undefined ? undefined : byId.get(first.sample);
      if (first === undefined || sample === undefined) return false;
      await write(lines.map(({ dimension }) => ({ ...said(sample, dimension, 0), ranking: null })));
      const { ranking } = first;
      returned =
        ranking === null ? { sample: sample.id } : { sample: sample.id, draft: groupsOf(ranking, places(sample)) };
      return true;
    },
    close: () => file.close(),
  };
}

/** The rank of each answer, from groups of places; undefined where not each place is there once. */
function ranksOf(groups: PlaceGroups, order: readonly number[]): readonly number[] | undefined {
  const named = groups.flat();
  const isWhole = named.length === order.length && new Set(named).size === order.length;
  if (!isWhole || groups.some((group) => group.length === 0)) return undefined;
  const ranks = new Array<number>(order.length).fill(-1);
  groups.forEach((group, rank) => {
    for (const place of group) {
      const answer = order[place];
      if (answer !== undefined) ranks[answer] = rank;
    }
  });
  return ranks.includes(-1) ? undefined : ranks;
}

/** A ranking's answers as the places at which they are shown: `B > A = C`, shown as C, A, B, is `[[2], [0, 1]]`. */
function groupsOf(ranking: string, order: readonly number[]): PlaceGroups {
  const letters = order.map(letterOf);
  return ranking.split(' > ').map((group) =>
    group
      .split(' = ')
      .map((letter) => letters.indexOf(letter))
      .sort((a, b) => a - b),
  );
}
