/** A key and what lies below it: `train` and `train.steps`. The keys of a record are open: `shares.${string}`. */
type Below<K extends string, Value, Depth extends readonly unknown[]> =
  K | `${K}.${ConfigPath<NonNullable<Value>, Depth>}`;

/** How deep paths go: a schema may refer to itself. */
type Levels = readonly [0, 0, 0, 0, 0, 0, 0, 0];

/**
 * Every dotted path of a config: `'model'`, `'model.norm'`. Of a union of objects, the paths of each of them; arrays are
 * values, given whole.
 *
 * @example
 * type Paths = ConfigPath<{ train: { steps: number } }>; // 'train' | 'train.steps'
 */
export type ConfigPath<T, Depth extends readonly unknown[] = Levels> = Depth extends readonly [unknown, ...infer Rest]
  ? T extends readonly unknown[]
    ? never
    : T extends object
      ? { [K in keyof T & string]-?: Below<K, T[K], Rest> }[keyof T & string]
      : never
  : never;

/** What may stand at a path: of a union of objects, what may stand there in any of them. */
export type ValueAt<T, Path extends string> = T extends object
  ? Path extends keyof T
    ? T[Path]
    : Path extends `${infer Head}.${infer Rest}`
      ? Head extends keyof T
        ? ValueAt<NonNullable<T[Head]>, Rest>
        : never
      : never
  : never;

/**
 * Numbers to be drawn from for a random search: evenly between `from` and `to`, or evenly in their logarithm, for what is
 * chosen by its order of magnitude, as learning rates are.
 *
 * @example
 * const learningRate: Interval = { from: 1e-4, to: 1e-2, scale: 'log' };
 */
export interface Interval {
  readonly from: number;
  readonly to: number;
  /** `linear` if not given. */
  readonly scale?: 'linear' | 'log';
  /** Only whole numbers. */
  readonly whole?: boolean;
}

/** The values of one axis: a list, or for numbers an interval. In a list `undefined` leaves an optional key out. */
export type Axis<Value> = readonly Value[] | (number extends Value ? Interval : never);

/** Axes by the paths of a config: a path or a value that the config does not have does not compile. */
export type Axes<Config> = { readonly [Path in ConfigPath<Config>]?: Axis<ValueAt<Config, Path>> };

/** The paths at which numbers stand. */
export type NumericPath<Config> = {
  [Path in ConfigPath<Config>]: number extends ValueAt<Config, Path> ? Path : never;
}[ConfigPath<Config>];

/** Some values by path, such as one arm. */
export type Settings<Config> = { readonly [Path in ConfigPath<Config>]?: ValueAt<Config, Path> };

export function isInterval(axis: readonly unknown[] | Interval): axis is Interval {
  return !Array.isArray(axis);
}
