import { fold, key, uniformNumbers } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { canonicalJson } from '../../files.js';
import type { Json } from '../../files.js';
import type { PlainConfig } from '../config.js';
import { valueAt } from '../reads.js';
import { isInterval } from './axes.js';
import type { Interval } from './axes.js';
import type { Arm } from './record.js';

/** An axis without its types. `undefined` in a list: the key is left out, as the base leaves it out. */
export interface PlainAxis {
  readonly path: string;
  readonly axis: readonly (Json | undefined)[] | Interval;
}

export type Design =
  | { readonly kind: 'grid' }
  | { readonly kind: 'paired' }
  | { readonly kind: 'random'; readonly arms: number; readonly seed: number };

type Settings = Readonly<Record<string, Json>>;

/** The name of the arm that is the base itself, where it is not one of the design's combinations. */
export const baseName = 'base';

/** The design's arms with their names. Where the base is an arm of its own, it is the first. */
export function armsOf(owner: string, axes: readonly PlainAxis[], design: Design, base: PlainConfig): Arm[] {
  for (const each of axes) checkAxis(owner, each, design, base);
  const names = shortNames(axes.map(({ path }) => path));
  return settingsOf(owner, axes, design, base).map((settings) => ({ name: armName(settings, names), settings }));
}

function settingsOf(owner: string, axes: readonly PlainAxis[], design: Design, base: PlainConfig): Settings[] {
  switch (design.kind) {
    case 'grid':
      return axes.reduce<Settings[]>(
        (all, { path, axis }) => all.flatMap((one) => valuesOf(axis).map((value) => withValue(one, path, value))),
        [{}],
      );
    case 'paired':
      return [
        {},
        ...axes.flatMap(({ path, axis }) =>
          valuesOf(axis)
            .filter((value) => !isAt(base, path, value))
            .map((value) => withValue({}, path, value)),
        ),
      ];
    case 'random':
      return [{}, ...drawn(owner, axes, design, base)];
  }
}

const valuesOf = (axis: PlainAxis['axis']): readonly (Json | undefined)[] => (isInterval(axis) ? [] : axis);

const withValue = (settings: Settings, path: string, value: Json | undefined): Settings =>
  value === undefined ? settings : { ...settings, [path]: value };

/** Whether the base has this value at a path; `undefined` stands for nothing there. */
export function isAt(base: PlainConfig, path: string, value: Json | undefined): boolean {
  const own = valueAt(base, path.split('.'));
  return own === undefined || value === undefined ? own === value : canonicalJson(own) === canonicalJson(value);
}

/**
 * Arms of a random search (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization"), all different.
 * Arm and axis decide each number, so that a search with more arms begins with the same ones.
 */
function drawn(
  owner: string,
  axes: readonly PlainAxis[],
  { arms, seed }: { readonly arms: number; readonly seed: number },
  base: PlainConfig,
): Settings[] {
  const found = new Map<string, Settings>();
  const own = canonicalJson(
    axes.reduce<Settings>((all, { path }) => withValue(all, path, valueAt(base, path.split('.'))), {}),
  );
  for (let draw = 0; found.size < arms; draw++) {
    if (draw > 100 * arms + 1000) {
      throw new TrainbookError({
        what: `${owner}: the axes have too few values for so many different arms`,
        received: `${arms} arms; ${found.size} were found`,
        fix: "ask for fewer arms, or for design: 'grid', which has them all",
      });
    }
    const settings = axes.reduce<Settings>((all, { path, axis }) => {
      const [share = 0] = uniformNumbers(fold(fold(key(seed), path), draw), 1);
      return withValue(all, path, isInterval(axis) ? numberAt(axis, share) : axis[Math.floor(share * axis.length)]);
    }, {});
    const name = canonicalJson(settings);
    if (name !== own) found.set(name, settings);
  }
  return [...found.values()];
}

/** The number at a share of an interval, with four significant digits: names of arms are read by people. */
function numberAt({ from, to, scale = 'linear', whole = false }: Interval, share: number): number {
  // Whole numbers: each has the same chance, the ends too.
  const [low, high] = whole ? [Math.ceil(from) - 0.5, Math.floor(to) + 0.5] : [from, to];
  const value = scale === 'log' ? low * (high / low) ** share : low + (high - low) * share;
  const rounded = whole ? Math.round(value) : Number(value.toPrecision(4));
  return Math.min(Math.max(rounded, whole ? Math.ceil(from) : from), whole ? Math.floor(to) : to);
}

function checkAxis(owner: string, { path, axis }: PlainAxis, design: Design, base: PlainConfig): void {
  const where = `${owner}: axis ${path}`;
  if (isInterval(axis)) {
    if (design.kind !== 'random') {
      throw new TrainbookError({
        what: `${where} is an interval, from which only a random search can draw`,
        received: `design: '${design.kind}'`,
        expected: 'design: { random: 20 }',
        fix: 'give a list of values, or ask for a random search',
      });
    }
    const { from, to, scale, whole } = axis;
    const fits = Number.isFinite(from) && Number.isFinite(to) && from < to && (scale !== 'log' || from > 0);
    if (fits && !(whole === true && Math.ceil(from) > Math.floor(to))) return;
    throw new TrainbookError({
      what: `${where}: no number can be drawn from this interval`,
      received: JSON.stringify(axis),
      expected: 'from < to, and from > 0 for the scale log; a whole number between them where whole is asked for',
    });
  }
  if (axis.length === 0) throw new TrainbookError({ what: `${where} has no values`, expected: 'at least one' });
  const texts = axis.map((value) => (value === undefined ? 'undefined' : canonicalJson(value)));
  const twice = texts.find((text, index) => texts.indexOf(text) !== index);
  if (twice !== undefined) {
    throw new TrainbookError({ what: `${where} has a value twice`, received: twice, fix: 'leave one of them out' });
  }
  if (axis.includes(undefined) && valueAt(base, path.split('.')) !== undefined) {
    throw new TrainbookError({
      what: `${where}: undefined means that the key is left out, but the base has a value there`,
      received: JSON.stringify(valueAt(base, path.split('.'))),
      fix: 'leave it out of the base, and name the value in the axis',
    });
  }
}

/** The ends of paths, as long as it takes to tell them apart: `norm` for `model.norm`. */
function shortNames(paths: readonly string[]): Map<string, string> {
  const tail = (path: string, length: number): string => path.split('.').slice(-length).join('.');
  const short = (path: string): string => {
    const lengths = path.split('.').map((_, index) => index + 1);
    const length = lengths.find((each) => paths.filter((other) => tail(other, each) === tail(path, each)).length === 1);
    return tail(path, length ?? lengths.length);
  };
  return new Map(paths.map((path) => [path, short(path)]));
}

function armName(settings: Settings, names: ReadonlyMap<string, string>): string {
  const parts = Object.entries(settings).map(
    ([path, value]) => `${names.get(path) ?? path}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return parts.length === 0 ? baseName : parts.join(', ');
}
