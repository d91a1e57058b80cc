import { mkdir, readdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { TrainbookError } from '../../error.js';
import { canonicalJson, writeAtomic } from '../../files.js';
import type { Json } from '../../files.js';
import { experimentCode } from '../code.js';
import { FileHashes } from '../file-hashes.js';
import { withLock } from '../lock.js';
import type { RunOptions } from '../run.js';
import { newRunId } from '../run-record.js';
import type { Ablation } from './ablation.js';
import { readSpec } from './cells.js';
import type { AblationSpec } from './record.js';

/** Where an ablation runs, and with what: the options of a run, but for what its arms and seeds decide. */
export type AblationPlace = Pick<
  RunOptions,
  'runsFolder' | 'numericClass' | 'code' | 'engine' | 'codecs' | 'signal'
> & {
  /** The ablation's file, where the caller knows it. */
  readonly file?: string;
};

/** An ablation with the folder of its record. */
export interface OpenAblation {
  readonly ablation: Ablation;
  readonly folder: string;
  readonly spec: AblationSpec;
  readonly place: AblationPlace;
  /** The folder was there: an ablation that was cut off goes on. */
  readonly resumed: boolean;
}

/** The ablation with other seeds than it says. */
export function withSeeds(ablation: Ablation, seeds: readonly number[]): Ablation {
  if (seeds.length > 0 && new Set(seeds).size === seeds.length && seeds.every(Number.isSafeInteger)) {
    return { ...ablation, seeds: [...seeds] };
  }
  throw new TrainbookError({
    what: `ablation ${ablation.name}: seeds are different integers, at least one`,
    received: JSON.stringify(seeds),
    expected: 'such as 1,2,3',
  });
}

/** What an ablation sets out to do, but for its id and time; and whether its code could be followed to the end. */
async function describe(
  ablation: Ablation,
  { numericClass, file, code: given }: AblationPlace,
  runsFolder: string,
): Promise<{ readonly about: Omit<AblationSpec, 'id' | 'createdAt'>; readonly isCodeKnown: boolean }> {
  const root = dirname(runsFolder);
  await mkdir(join(runsFolder, 'store'), { recursive: true });
  const hashes = await FileHashes.open(join(runsFolder, 'store', 'cache', 'files.json'));
  const code =
    given === undefined
      ? await experimentCode({ ...ablation.experiment, origin: ablation.origin }, hashes, root)
      : { hash: given, unknown: [] };
  await hashes.save();
  const path = file === undefined ? undefined : relative(root, resolve(file)).split(sep).join('/');
  const { name, measure, also, better, design, halving, to, axes, seeds, base, baseline, arms } = ablation;
  const about = {
    format: 1 as const,
    name,
    experiment: ablation.experiment.name,
    ...(path === undefined || path.startsWith('..') || isAbsolute(path) ? {} : { file: path }),
    code: code.hash,
    numericClass,
    ...{
      measure,
      also,
      better,
      design,
      halving,
      ...(to === undefined ? {} : { to }),
      axes,
      seeds,
      base,
      baseline,
      arms,
    },
  };
  return { about, isCodeKnown: code.unknown.length === 0 };
}

/** Two specs of one identity are the same ablation: same name, code, engine, arms, seeds, measure. */
function identityOf(spec: Omit<AblationSpec, 'id' | 'createdAt'>, alsoEngine: boolean): string {
  const { name, experiment, code, numericClass, measure, also, better, halving, to, seeds, base, baseline, arms } =
    spec;
  const about = { name, experiment, code, measure, also, better, halving, to, seeds, base, baseline, arms };
  return canonicalJson(JSON.parse(JSON.stringify(alsoEngine ? { ...about, numericClass } : about)) as Json);
}

const runsOf = (place: AblationPlace): string => resolve(place.runsFolder ?? 'runs');

/** The folder of the newest ablation of this identity, if there is one. */
async function findFolder(parent: string, identity: string): Promise<string | undefined> {
  const ids = (await readdir(parent).catch((): string[] => [])).filter((id) => !id.startsWith('.'));
  for (const id of ids.sort().reverse()) {
    const folder = join(parent, id);
    const spec = await readSpec(folder).catch(() => undefined);
    if (spec !== undefined && identityOf(spec, true) === identity) return folder;
  }
  return undefined;
}

/** The ablation that would go on, if there is one; writes nothing. */
export async function findAblation(ablation: Ablation, place: AblationPlace): Promise<OpenAblation | undefined> {
  const { about } = await describe(ablation, place, runsOf(place));
  const folder = await findFolder(join(runsOf(place), 'ablations', ablation.name), identityOf(about, true));
  return folder === undefined ? undefined : { ablation, folder, spec: await readSpec(folder), place, resumed: true };
}

/** Opens the folder of an ablation: of the newest one with the same identity, else a new one, whose spec it writes. */
export async function openAblation(ablation: Ablation, place: AblationPlace): Promise<OpenAblation> {
  const runsFolder = runsOf(place);
  const parent = join(runsFolder, 'ablations', ablation.name);
  const { about } = await describe(ablation, place, runsFolder);
  // Two processes that begin at once are to work on one ablation, not on two.
  return withLock(
    join(runsFolder, 'ablations', '.locks', ablation.name),
    async () => {
      const found = await findFolder(parent, identityOf(about, true));
      if (found !== undefined) return { ablation, folder: found, spec: await readSpec(found), place, resumed: true };
      const id = newRunId(new Date());
      const spec: AblationSpec = { ...about, id, createdAt: new Date().toISOString() };
      const folder = join(parent, id);
      await writeAtomic(join(folder, 'ablation.json'), `${JSON.stringify(spec, null, 2)}\n`);
      return { ablation, folder, spec, place, resumed: false };
    },
    place.signal,
  );
}

/**
 * Opens an ablation that another process has begun, in its folder.
 *
 * @throws TrainbookError if the ablation was changed since
 */
export async function joinAblation(ablation: Ablation, folder: string, place: AblationPlace): Promise<OpenAblation> {
  const spec = await readSpec(folder);
  const { about, isCodeKnown } = await describe({ ...ablation, seeds: spec.seeds }, place, runsOf(place));
  const now = isCodeKnown ? about : { ...about, code: spec.code };
  if (identityOf(spec, false) === identityOf(now, false)) return { ablation, folder, spec, place, resumed: true };
  throw new TrainbookError({
    what: `ablation ${spec.name}: its code or its arms have changed since it began`,
    received: spec.code === now.code ? 'other arms, measure or base' : 'other code',
    expected: `that of ${folder}`,
    fix: 'start it again: a new ablation begins, and finds in the store what has not changed',
  });
}
