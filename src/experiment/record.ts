import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import type { PlainConfig } from './config.js';
import type { ConfigRead } from './reads.js';

/** From a recording proxy to what it stands for, and the note that all of it was read. */
const origins = new WeakMap<object, () => Json>();

function refuse(): never {
  throw new TrainbookError({
    what: 'a stage tried to change its config',
    expected: 'a config that is only read',
    fix: 'copy the part first: { ...config.train, steps: 10 }',
  });
}

function freeze(value: Json): Json {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value as Readonly<Record<string, Json>>).forEach(freeze);
  }
  return value;
}

/**
 * Notes what is read of a config while a stage runs: a leaf by its path and value, a key that is not there as absent,
 * an array whole, and an object whole as soon as its keys are listed (`Object.keys`, spread, `JSON.stringify`).
 *
 * @example
 * const recorder = new ConfigRecorder({ train: { steps: 300, warmup: 30 } }, () => undefined);
 * recorder.config.train.steps; // recorder.reads: train is an object, train.steps is 300
 */
export class ConfigRecorder {
  readonly config: PlainConfig;
  readonly #reads = new Map<string, ConfigRead>();
  readonly #onRead: () => void;

  /** `onRead` is called after each thing that was not read before. */
  constructor(config: PlainConfig, onRead: () => void) {
    this.#onRead = onRead;
    this.config = this.#watch(structuredClone(config), []) as PlainConfig;
  }

  /** What was read so far, in order; parts of what was read whole are left out. */
  get reads(): ConfigRead[] {
    const all = [...this.#reads.values()];
    const whole = new Set(all.filter((read) => 'value' in read).map((read) => JSON.stringify(read.path)));
    return all.filter((read) => !read.path.some((_, length) => whole.has(JSON.stringify(read.path.slice(0, length)))));
  }

  #note(read: ConfigRead): void {
    const place = JSON.stringify(read.path);
    const before = this.#reads.get(place);
    // A whole value says more than that there is an object; otherwise the first note stands.
    if (before !== undefined && ('value' in before || !('value' in read))) return;
    this.#reads.set(place, read);
    this.#onRead();
  }

  #watch(target: Readonly<Record<string, Json>>, path: readonly string[]): object {
    const children = new Map<string, object>();
    const whole = (): Json => {
      this.#note({ path: [...path], value: target });
      return target;
    };
    const look = (key: string): void => {
      const value = Object.hasOwn(target, key) ? target[key] : undefined;
      if (value === undefined) this.#note({ path: [...path, key], absent: true });
      else if (isObject(value)) this.#note({ path: [...path, key], object: true });
      else this.#note({ path: [...path, key], value });
    };
    const proxy = new Proxy<object>(target, {
      get: (object, key, receiver) => {
        // What every object inherits (toString, constructor) is no key of the config, nor are symbols.
        if (typeof key === 'symbol' || (!Object.hasOwn(target, key) && key in Object.prototype)) {
          return Reflect.get(object, key, receiver) as unknown;
        }
        look(key);
        const value = Object.hasOwn(target, key) ? target[key] : undefined;
        if (!isObject(value)) return value === undefined ? undefined : freeze(value);
        const child = children.get(key) ?? this.#watch(value, [...path, key]);
        children.set(key, child);
        return child;
      },
      has: (object, key) => {
        if (typeof key === 'string') look(key);
        return Reflect.has(object, key);
      },
      getOwnPropertyDescriptor: (object, key) => {
        const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
        if (typeof key === 'string') {
          const value = Object.hasOwn(target, key) ? target[key] : undefined;
          this.#note(value === undefined ? { path: [...path, key], absent: true } : { path: [...path, key], value });
        }
        return descriptor;
      },
      ownKeys: (object) => {
        whole();
        return Reflect.ownKeys(object);
      },
      set: refuse,
      defineProperty: refuse,
      deleteProperty: refuse,
      setPrototypeOf: refuse,
      preventExtensions: refuse,
    });
    origins.set(proxy, whole);
    return proxy;
  }
}

function isObject(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value without recording proxies in it, for what leaves a stage or goes to a worker (`structuredClone` refuses
 * proxies); parts of the config that it holds count as read whole. Typed arrays, tensors and instances of classes are not looked
 * into.
 *
 * @example
 * worker.postMessage(plain(config.tokenizer));
 */
export function plain<T>(value: T): T {
  return unwrap(value, new Map()) as T;
}

/** What holds no proxy is given back as it is: only the way down to a proxy is copied. */
function unwrap(value: unknown, done: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const origin = origins.get(value);
  if (origin !== undefined) return structuredClone(origin());
  if (done.has(value)) return done.get(value);
  done.set(value, value); // a value that contains itself ends here
  const result = Array.isArray(value) ? unwrapItems(value, done) : unwrapFields(value, done);
  done.set(value, result);
  return result;
}

function unwrapItems(items: readonly unknown[], done: Map<object, unknown>): readonly unknown[] {
  const copy = items.map((item) => unwrap(item, done));
  return copy.some((item, index) => item !== items[index]) ? copy : items;
}

function unwrapFields(value: object, done: Map<object, unknown>): object {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const changed = Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const unwrapped = unwrap(item, done);
    return unwrapped === item ? [] : [[key, unwrapped] as const];
  });
  return changed.length === 0 ? value : { ...value, ...Object.fromEntries(changed) };
}
