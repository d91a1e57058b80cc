import type { ArmResult } from '../../experiment/ablations/comparison.js';
import type { AblationRecord, Cell } from '../../experiment/ablations/record.js';
import { valueAt } from '../../experiment/reads.js';
import { canonicalJson } from '../../files.js';
import type { Json } from '../../files.js';

/** Compares arms with the baseline, as `compareArms` does; by the ablation's own measure if none is named. */
export type Compare = (record: AblationRecord, measure?: string) => readonly ArmResult[];

const shown = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** `norm` of `model.norm`. */
export const lastWord = (path: string): string => path.split('.').at(-1) ?? path;

/**
 * The main effect of each axis of a grid: each of its values as an arm of its own, whose value for a seed is the mean over all arms that have
 * it. Seeds stay pairs, so intervals and tests are those of arms. A seed counts only where all of those arms have a value for it:
 * otherwise the means would be of unlike settings.
 */
export function mainEffects(
  record: AblationRecord,
  compare: Compare,
): { readonly path: string; readonly results: readonly ArmResult[] }[] {
  const { spec, cells } = record;
  const varied = spec.axes.filter(({ values }) => values.length > 1);
  if (spec.design.kind !== 'grid' || varied.length < 2) return []; // of one axis the arms say it all
  const baseline = spec.arms.find(({ name }) => name === spec.baseline);
  return varied.map(({ path, values }) => {
    const own = (settings: Readonly<Record<string, Json>>): Json =>
      settings[path] ?? valueAt(spec.base, path.split('.')) ?? null;
    const same = (a: Json, b: Json): boolean => canonicalJson(a) === canonicalJson(b);
    const arms = values.map((value) => {
      const members = spec.arms.filter(({ settings }) => same(own(settings), value)).map(({ name }) => name);
      return { value, members, name: `${lastWord(path)} = ${shown(value)}` };
    });
    const joined = arms.flatMap(({ name, members }) =>
      spec.seeds.map((seed): Cell => {
        const found = members.map((arm) => cells.find((cell) => cell.arm === arm && cell.seed === seed));
        const numbers = found.flatMap((cell) => (cell?.state === 'done' ? (cell.value ?? []) : []));
        if (numbers.length < members.length || numbers.length === 0) return { arm: name, seed, state: 'waiting' };
        return { arm: name, seed, state: 'done', value: numbers.reduce((sum, one) => sum + one, 0) / numbers.length };
      }),
    );
    const reference =
      arms.find(({ value }) => baseline !== undefined && same(own(baseline.settings), value)) ?? arms[0];
    const inner: AblationRecord = {
      folder: record.folder,
      spec: {
        ...spec,
        axes: [{ path, values }],
        arms: arms.map(({ name, value }) => ({ name, settings: { [path]: value } })),
        baseline: reference?.name ?? spec.baseline,
      },
      cells: joined,
    };
    return { path, results: compare(inner) };
  });
}
