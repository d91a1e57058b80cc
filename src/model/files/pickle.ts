import { TrainbookError } from '../../error.js';

/*
 * Python's pickles: a program for a machine with a stack and a memo, one byte an operation. {'a': 1} in protocol 2:
 *
 * 80 02       PROTO 2
 * 7d          EMPTY_DICT
 * 58 01 00 00 00 61   BINUNICODE 'a'
 * 4b 01       BININT1 1
 * 73 2e       SETITEM, STOP
 *
 * In Python `REDUCE` calls any function that the pickle names. Here it calls only those of a given list: no code is run.
 */

/** Something of the host's: what a global or a persistent id stands for, or what a call has given. */
export interface PickleObject {
  readonly kind: string;
}

/** Lists and tuples are arrays, dicts are maps. */
export type PickleValue =
  null | boolean | number | bigint | string | Uint8Array | PickleValue[] | Map<PickleValue, PickleValue> | PickleObject;

/** What a pickle may name. */
export interface PickleHost {
  /** By full name, such as `collections.OrderedDict`: what a call of it gives, or nothing for a name that is only passed on. */
  readonly globals: ReadonlyMap<string, ((args: readonly PickleValue[]) => PickleValue) | undefined>;
  persistent(id: PickleValue): PickleValue;
  /** The error for what does not fit. */
  refuse(problem: string, received: string, expected: string): TrainbookError;
}

/** A name that stands for a function or a type. */
export interface PickleGlobal extends PickleObject {
  readonly kind: 'global';
  readonly name: string;
}

/** Dicts, lists, tuples and entries of the memo together, at most: state dicts have some twenty for each tensor. */
const mostContainers = 2_000_000;

/**
 * Runs one pickle (protocols 2 to 5, as far as plain data and state dicts need) that begins at `start`. Gives its value and
 * where it ends. Time and memory are linear in its bytes.
 *
 * @throws TrainbookError (`host.refuse`) for a global outside of the list, an operation that plain data does not need, or
 * a pickle that is not whole.
 * @example
 * const { value } = unpickle(bytes, 0, host); // Map { 'weight' => { kind: 'tensor', … } }
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
): { readonly value: PickleValue; readonly end: number } {
  const machine: Machine = {
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    position: start,
    stack: [],
    marks: [],
    memo: new Map(),
    globals: new Map(),
    numContainers: 0,
    host,
  };
  for (;;) {
    const at = machine.position;
    const code = uint8(machine);
    if (code === 0x2e) {
      const value = pop(machine);
      if (machine.stack.length > 0 || machine.marks.length > 0) throw broken(machine, 'values are left on the stack');
      return { value, end: machine.position };
    }
    const value = values.get(code);
    const effect = effects.get(code);
    if (value !== undefined) machine.stack.push(value(machine));
    else if (effect !== undefined) effect(machine);
    else {
      throw host.refuse(
        `the pickle has an operation that weights do not need`,
        `0x${code.toString(16).padStart(2, '0')} at byte ${at}`,
        'those of plain data of the protocols 2 to 5',
      );
    }
  }
}

interface Machine {
  readonly view: DataView;
  position: number;
  readonly stack: PickleValue[];
  /** Lengths of the stack where a MARK was set. */
  readonly marks: number[];
  readonly memo: Map<number, PickleValue>;
  readonly globals: Map<string, PickleGlobal>;
  numContainers: number;
  readonly host: PickleHost;
}

function broken(machine: Machine, problem: string): TrainbookError {
  return machine.host.refuse('the pickle is not whole', `${problem} at byte ${machine.position}`, 'a whole pickle');
}

function take(machine: Machine, length: number): DataView {
  const { view, position } = machine;
  if (position + length > view.byteLength) throw broken(machine, 'it is cut off');
  machine.position += length;
  return new DataView(view.buffer, view.byteOffset + position, length);
}

function pop(machine: Machine): PickleValue {
  const value = machine.stack.length > (machine.marks.at(-1) ?? 0) ? machine.stack.pop() : undefined;
  if (value === undefined) throw broken(machine, 'a value is missing');
  return value;
}

function uint8(machine: Machine): number {
  if (machine.position >= machine.view.byteLength) throw broken(machine, 'it is cut off');
  return machine.view.getUint8(machine.position++);
}

/** The values after the last mark; the mark goes. */
function popMarked(machine: Machine): PickleValue[] {
  const mark = machine.marks.pop();
  if (mark === undefined) throw broken(machine, 'a mark is missing');
  return machine.stack.splice(mark);
}

function count(machine: Machine): void {
  if (++machine.numContainers > mostContainers) {
    throw machine.host.refuse('the pickle is too large', `over ${mostContainers} lists and dicts`, 'a state dict');
  }
}

function container<T extends PickleValue>(machine: Machine, value: T): T {
  count(machine);
  return value;
}

function top(machine: Machine): PickleValue {
  const value = pop(machine);
  machine.stack.push(value);
  return value;
}

function setItems(machine: Machine, items: readonly PickleValue[]): void {
  const dict = top(machine);
  if (!(dict instanceof Map) || items.length % 2 !== 0) throw broken(machine, 'items are set in what is no dict');
  for (let index = 0; index < items.length; index += 2) {
    const key = items[index] as PickleValue;
    if (typeof key !== 'string' && typeof key !== 'number') {
      throw machine.host.refuse('the pickle has a dict with other keys than names', typeof key, 'a text or a number');
    }
    if (dict.has(key))
      throw machine.host.refuse('the pickle has a dict with a key twice', String(key), 'each key once');
    dict.set(key, items[index + 1] as PickleValue);
  }
}

function append(machine: Machine, items: readonly PickleValue[]): void {
  const list = top(machine);
  if (!Array.isArray(list)) throw broken(machine, 'values are appended to what is no list');
  for (const item of items) list.push(item);
}

/** Tuples are the top `size` values. */
function tuple(machine: Machine, size: number): PickleValue {
  const items = Array.from({ length: size }, () => pop(machine)).reverse();
  return container(machine, items);
}

function global(machine: Machine, module: PickleValue, name: PickleValue): PickleGlobal {
  if (typeof module !== 'string' || typeof name !== 'string') throw broken(machine, 'a global has no name');
  const full = `${module}.${name}`;
  if (!machine.host.globals.has(full)) {
    throw machine.host.refuse(
      `the pickle names ${full}, which is not run`,
      full,
      'only what state dicts need: OrderedDict, tensors, storages, sizes, dtypes',
    );
  }
  const known: PickleGlobal = machine.globals.get(full) ?? { kind: 'global', name: full };
  machine.globals.set(full, known);
  return known;
}

const isGlobal = (value: PickleValue): value is PickleGlobal =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'global';

function reduce(machine: Machine): PickleValue {
  const args = pop(machine);
  const callee = pop(machine);
  if (!isGlobal(callee) || !Array.isArray(args)) throw broken(machine, 'what is called is no function');
  const called = machine.host.globals.get(callee.name);
  if (called === undefined) throw machine.host.refuse('the pickle calls what is no function here', callee.name, 'none');
  count(machine);
  return called(args);
}

/** The attributes of an OrderedDict, such as a state dict's `_metadata` (versions of modules), are no weights: left out. */
function build(machine: Machine): void {
  const state = pop(machine);
  if (!(state instanceof Map) || !(top(machine) instanceof Map)) {
    throw machine.host.refuse('the pickle sets attributes', 'of an object', 'only those of an OrderedDict');
  }
}

function text(machine: Machine, length: number): string {
  const { buffer, byteOffset } = take(machine, length);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      new Uint8Array(buffer, byteOffset, length),
    );
  } catch {
    throw broken(machine, 'a text is not UTF-8');
  }
}

/** A text up to a line feed: the names of GLOBAL. */
function line(machine: Machine): string {
  let length = 0;
  while (uint8(machine) !== 0x0a) length++;
  machine.position -= length + 1;
  const value = text(machine, length);
  machine.position++;
  return value;
}

const uint32 = (machine: Machine): number => take(machine, 4).getUint32(0, true);
const uint64 = (machine: Machine): number => Number(take(machine, 8).getBigUint64(0, true));

/** Little-endian two's complement; a number where that is exact. */
function long(machine: Machine, length: number): number | bigint {
  if (length > 16) throw machine.host.refuse('the pickle has a huge integer', `${length} bytes`, 'at most 16 bytes');
  const view = take(machine, length);
  let value = 0n;
  for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(view.getUint8(index));
  value = BigInt.asIntN(8 * length, value);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function copyBytes(machine: Machine, length: number): Uint8Array {
  const { buffer, byteOffset } = take(machine, length);
  return new Uint8Array(buffer, byteOffset, length).slice();
}

function remember(machine: Machine, index: number): void {
  count(machine);
  machine.memo.set(index, top(machine));
}

function recall(machine: Machine, index: number): PickleValue {
  const value = machine.memo.get(index);
  if (value === undefined) throw broken(machine, `the memo has no ${index}`);
  return value;
}

function protocol(machine: Machine): void {
  const version = uint8(machine);
  if (version < 2 || version > 5) throw broken(machine, `it is of protocol ${version}`);
}

const letter = (character: string): number => character.charCodeAt(0);

function globalOfStack(machine: Machine): PickleGlobal {
  const name = pop(machine);
  return global(machine, pop(machine), name);
}

/** The operations that push a value. */
const values: ReadonlyMap<number, (machine: Machine) => PickleValue> = new Map<
  number,
  (machine: Machine) => PickleValue
>([
  // plain values
  [letter('N'), () => null],
  [0x88, () => true],
  [0x89, () => false],
  [letter('J'), (machine) => take(machine, 4).getInt32(0, true)],
  [letter('K'), uint8],
  [letter('M'), (machine) => take(machine, 2).getUint16(0, true)],
  [0x8a, (machine) => long(machine, uint8(machine))],
  [0x8b, (machine) => long(machine, uint32(machine))],
  [letter('G'), (machine) => take(machine, 8).getFloat64(0, false)],
  [letter('X'), (machine) => text(machine, uint32(machine))],
  [0x8c, (machine) => text(machine, uint8(machine))],
  [0x8d, (machine) => text(machine, uint64(machine))],
  [letter('T'), (machine) => text(machine, uint32(machine))], // Python 2's str
  [letter('U'), (machine) => text(machine, uint8(machine))],
  [letter('B'), (machine) => copyBytes(machine, uint32(machine))],
  [letter('C'), (machine) => copyBytes(machine, uint8(machine))],
  [0x8e, (machine) => copyBytes(machine, uint64(machine))],
  // lists, tuples, dicts
  [letter(']'), (machine) => container(machine, [])],
  [letter('l'), (machine) => container(machine, popMarked(machine))],
  [letter(')'), (machine) => container(machine, [])],
  [letter('t'), (machine) => container(machine, popMarked(machine))],
  [0x85, (machine) => tuple(machine, 1)],
  [0x86, (machine) => tuple(machine, 2)],
  [0x87, (machine) => tuple(machine, 3)],
  [letter('}'), (machine) => container(machine, new Map<PickleValue, PickleValue>())],
  // the memo
  [letter('h'), (machine) => recall(machine, uint8(machine))],
  [letter('j'), (machine) => recall(machine, uint32(machine))],
  // what the host knows
  [letter('c'), (machine) => global(machine, line(machine), line(machine))],
  [0x93, globalOfStack],
  [letter('R'), reduce],
  [letter('Q'), (machine) => machine.host.persistent(pop(machine))],
]);

/** The operations that change what is there. */
const effects: ReadonlyMap<number, (machine: Machine) => void> = new Map<number, (machine: Machine) => void>([
  [0x80, protocol],
  [0x95, uint64], // FRAME: how much to read ahead
  [letter('('), (machine) => machine.marks.push(machine.stack.length)],
  [letter('0'), pop],
  [letter('1'), popMarked],
  [
    letter('a'),
    (machine) => {
      append(machine, [pop(machine)]);
    },
  ],
  [
    letter('e'),
    (machine) => {
      append(machine, popMarked(machine));
    },
  ],
  [
    letter('s'),
    (machine) => {
      setItems(machine, [pop(machine), pop(machine)].reverse());
    },
  ],
  [
    letter('u'),
    (machine) => {
      setItems(machine, popMarked(machine));
    },
  ],
  [
    letter('q'),
    (machine) => {
      remember(machine, uint8(machine));
    },
  ],
  [
    letter('r'),
    (machine) => {
      remember(machine, uint32(machine));
    },
  ],
  [
    0x94,
    (machine) => {
      remember(machine, machine.memo.size);
    },
  ],
  [letter('b'), build],
]);
