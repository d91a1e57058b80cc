import { canonicalJson } from '../../files.js';
import type { PlannedStage } from '../event.js';
import { planStages, totalSeconds } from '../plan.js';
import { valueAt } from '../reads.js';
import { configOf, identify } from '../run.js';
import type { Identity } from '../session.js';
import { readTraces } from '../traces.js';
import type { Trace } from '../traces.js';
import type { Ablation } from './ablation.js';
import { isFinal, placesOf, readAblation } from './cells.js';
import { findAblation } from './open-ablation.js';
import type { AblationPlace } from './open-ablation.js';
import type { AblationSpec, Cell } from './record.js';
import { settingsOf } from './run-cell.js';

/** What one cell would do. */
export interface PlannedCell {
  readonly arm: string;
  readonly seed: number;
  readonly state: Cell['state'];
  /** Of its first rung that is to come. None for a cell that is final. */
  readonly stages: readonly PlannedStage[];
}

export interface AblationPlan {
  /** Of the ablation that would go on; undefined if a new one would begin. */
  readonly folder: string | undefined;
  readonly cells: readonly PlannedCell[];
  /** Of all cells one after another; undefined if nothing is known of a stage. */
  readonly seconds: number | undefined;
}

/**
 * What an ablation would run, and about how long; runs nothing. A stage that reads nothing of what two arms differ in runs once for both,
 * as far as its last execution tells what it reads.
 */
export async function planAblation(ablation: Ablation, place: AblationPlace): Promise<AblationPlan> {
  const found = await findAblation(ablation, place);
  const record = found && (await readAblation(found.folder));
  const spec = ablation as unknown as AblationSpec; // what is asked here is in both
  const { experiment } = ablation;
  const identity = await identify(experiment, { ...place, config: ablation.config }, undefined);
  const all = experiment.stages.map(({ name }) => name);
  const names = ablation.to === undefined ? all : all.slice(0, all.indexOf(ablation.to) + 1);
  const traces = new Map<string, Trace>();
  for (const name of names) {
    const [newest] = (await readTraces(identity.store.folder, name)).filter(
      (each) => each.experiment === experiment.name,
    );
    if (newest !== undefined) traces.set(name, newest);
  }
  const planned = new Set<string>();
  const places = placesOf(spec);
  const cells: PlannedCell[] = places.map(({ arm, seed }, index) => {
    const state = record?.cells[index]?.state ?? 'waiting';
    return { arm: spec.arms[arm]?.name ?? '', seed, state, stages: [] };
  });
  let seconds: number | undefined = 0;
  for (const rung of (ablation.halving?.rungs ?? [0]).keys()) {
    // About as many arms as will go on; which ones is not known yet.
    const numArms = Math.ceil(spec.arms.length * (ablation.halving?.keep ?? 1) ** rung);
    for (const [index, where] of places.entries()) {
      const before = record?.cells[index];
      if (where.arm >= numArms || (before && (isFinal(before) || (before.rungs?.length ?? 0) > rung))) continue;
      const set = settingsOf(spec, where, rung);
      const config = configOf(experiment, { ...place, config: ablation.config, set });
      const own: Identity = { ...identity, config, seed: where.seed };
      const stages = shared(await planStages(own, names), own, traces, planned);
      const cell = cells[index];
      if (cell?.stages.length === 0) cells[index] = { ...cell, stages };
      const more = totalSeconds(stages);
      seconds = seconds === undefined || more === undefined ? undefined : seconds + more;
    }
  }
  await identity.hashes.save();
  return { folder: found?.folder, cells, seconds };
}

/** The plan of a cell, with the stages that an earlier cell runs too taken as cached. */
function shared(
  plan: readonly PlannedStage[],
  { config, seed }: Identity,
  traces: ReadonlyMap<string, Trace>,
  planned: Set<string>,
): PlannedStage[] {
  const inputs = new Map<string, string | undefined>();
  return plan.map((stage) => {
    const reads = traces.get(stage.stage)?.reads;
    const artifacts = Object.keys(reads?.artifacts ?? {}).map((name) => inputs.get(name));
    if (reads === undefined || artifacts.includes(undefined)) return stage;
    const values = reads.config.map(({ path, ...how }) => ('value' in how ? (valueAt(config, path) ?? null) : null));
    const all = [stage.stage, values, reads.seed === undefined ? null : seed, artifacts.map((each) => each ?? null)];
    const identity = canonicalJson(all);
    inputs.set(stage.stage, identity);
    if (stage.action === 'cached') return stage;
    if (planned.has(identity)) return { ...stage, action: 'cached', reason: 'as in an arm before it', seconds: 0 };
    planned.add(identity);
    return stage;
  });
}
