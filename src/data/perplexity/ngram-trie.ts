import type { NgramTable } from './ngram-model.js';

/** A node of one unit alone: its number as a node. Longer n-grams have numbers from 0 on. */
export const nodeOfUnit = (unit: number): number => -1 - unit;
export const unitOfNode = (node: number): number => -1 - node;

/** Mixes the two halves of an n-gram's key to 32 bits. */
export function hashOf(prefix: number, unit: number): number {
  let hash = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/**
 * N-grams while their number is not known yet. Each is a node: the node of all its units but the last, and the last. They are
 * numbered as they come, so that a node's prefix has a lower number.
 */
export class NgramTrie {
  size = 0;
  prefixes = new Int32Array(1024);
  units = new Int32Array(1024);
  /** Open addressing: 1 + the node, 0 where free. Twice as many as there is room for nodes, a power of two. */
  private slots = new Int32Array(2048);

  /** The node of `prefix` followed by `unit`, or −1. */
  child(prefix: number, unit: number): number {
    const { slots, prefixes, units } = this;
    const mask = slots.length - 1;
    for (let slot = hashOf(prefix, unit) & mask; ; slot = (slot + 1) & mask) {
      const node = (slots[slot] ?? 0) - 1;
      if (node < 0 || (units[node] === unit && prefixes[node] === prefix)) return node;
    }
  }

  /** Adds a node that is not there yet. */
  add(prefix: number, unit: number): number {
    if (this.size === this.prefixes.length) this.grow();
    const node = this.size++;
    this.prefixes[node] = prefix;
    this.units[node] = unit;
    this.place(node);
    return node;
  }

  /** The units of a node, in order. */
  unitsOf(node: number): number[] {
    const units: number[] = [];
    for (let at = node; ; at = this.prefixes[at] ?? 0) {
      if (at < 0) return [unitOfNode(at), ...units];
      units.unshift(this.units[at] ?? 0);
    }
  }

  /** The table of these n-grams; `valueOf` gives log₁₀ p and the log₁₀ back-off weight of a node. */
  table(numUnits: number, valueOf: (node: number) => readonly [number, number]): NgramTable {
    const numSlots = Math.ceil(1.5 * this.size) + 1;
    const keys = shared(Int32Array, 2 * numSlots).fill(-1);
    const values = shared(Float32Array, 2 * (numUnits + numSlots));
    const write = (place: number, node: number): void => {
      const [logProbability, backOff] = valueOf(node);
      values[2 * place] = logProbability;
      values[2 * place + 1] = backOff;
    };
    for (let unit = 0; unit < numUnits; unit++) write(unit, nodeOfUnit(unit));
    const places = new Int32Array(this.size);
    for (let node = 0; node < this.size; node++) {
      const prefix = this.prefixes[node] ?? 0;
      const unit = this.units[node] ?? 0;
      const prefixPlace = prefix < 0 ? unitOfNode(prefix) : (places[prefix] ?? 0);
      let slot = slotOf(prefixPlace, unit, numSlots);
      while ((keys[2 * slot + 1] ?? 0) >= 0) slot = slot + 1 === numSlots ? 0 : slot + 1;
      keys[2 * slot] = prefixPlace;
      keys[2 * slot + 1] = unit;
      places[node] = numUnits + slot;
      write(numUnits + slot, node);
    }
    return { numUnits, numSlots, keys, values };
  }

  private grow(): void {
    const room = 2 * this.prefixes.length;
    this.prefixes = longer(this.prefixes, room);
    this.units = longer(this.units, room);
    this.slots = new Int32Array(2 * room);
    for (let node = 0; node < this.size; node++) this.place(node);
  }

  private place(node: number): void {
    const mask = this.slots.length - 1;
    let slot = hashOf(this.prefixes[node] ?? 0, this.units[node] ?? 0) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = node + 1;
  }
}

/** Where the search for a key begins in a table of `numSlots`. */
export function slotOf(prefix: number, unit: number, numSlots: number): number {
  return Math.floor(hashOf(prefix, unit) * (numSlots / 4_294_967_296));
}

/** The same numbers with room for more. */
export function longer(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length);
  grown.set(array);
  return grown;
}

/** Shared memory: threads that are given a model read one copy of it. */
export function shared<A>(type: new (buffer: SharedArrayBuffer) => A, length: number): A {
  return new type(new SharedArrayBuffer(4 * length));
}
