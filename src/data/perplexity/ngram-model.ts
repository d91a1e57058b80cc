import { slotOf } from './ngram-trie.js';
import type { Scored, Scorer } from './scorer.js';
import { splitterOf } from './units.js';
import type { Units } from './units.js';

// Notation: a "place" is a number by which an n-gram's numbers are found: that of a single unit is the unit itself, that of a longer
// one is numUnits + its slot in the hash table.

/** What is not in the vocabulary, and the borders of a sentence: their names in ARPA files and their numbers in every vocabulary. */
export const UNKNOWN = 0;
export const BEGIN = 1;
export const END = 2;
export const borders = ['<unk>', '<s>', '</s>'] as const;

/**
 * A back-off language model of n-grams: for units w₁ … wₙ with n ≤ order
 *
 *   log p(wₙ | w₁ … wₙ₋₁) = logProbability(w₁ … wₙ)                            where that n-gram is in the table,
 *                         = backOff(w₁ … wₙ₋₁) + log p(wₙ | w₂ … wₙ₋₁)      elsewhere (backOff 0 where that context is not there).
 *
 * A plain value: it can be handed to other threads, which share its table's memory.
 */
export interface NgramModel {
  readonly order: number;
  readonly units: Units;
  /** The number of each unit. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** How many n-grams it has of each order, from 1. */
  readonly counts: readonly number[];
  readonly table: NgramTable;
  /** The three discounts of each order, from 1: D₁, D₂, D₃₊; absent where the model was read from an ARPA file. */
  readonly discounts?: readonly Discounts[];
}

/** What is taken from counts of 1, 2, and 3 or more, and whether it is the fallback. */
export interface Discounts {
  readonly values: readonly [number, number, number];
  readonly isFallback: boolean;
}

/** N-grams as a hash table with open addressing; every prefix and every suffix of an n-gram is there too. */
export interface NgramTable {
  readonly numUnits: number;
  readonly numSlots: number;
  /** The place of the n-gram without its last unit, and that unit; −1 where the slot is free. [numSlots, 2] */
  readonly keys: Int32Array;
  /** log₁₀ p of the last unit, and log₁₀ of the back-off weight of the whole, by place. [numUnits + numSlots, 2] */
  readonly values: Float32Array;
}

export function isNgramModel(value: unknown): value is NgramModel {
  return (
    typeof value === 'object' &&
    value !== null &&
    'order' in value &&
    'vocabulary' in value &&
    value.vocabulary instanceof Map &&
    'table' in value
  );
}

/** The place of an n-gram that is the one at `prefix` with `unit` after it, or −1. */
export function placeOf({ keys, numSlots, numUnits }: NgramTable, prefix: number, unit: number): number {
  for (let slot = slotOf(prefix, unit, numSlots); ;) {
    const found = keys[2 * slot + 1] ?? -1;
    if (found === unit && keys[2 * slot] === prefix) return numUnits + slot;
    if (found < 0) return -1;
    if (++slot === numSlots) slot = 0;
  }
}

/** The last units that a model has seen, as far as it looks back. */
export interface NgramState {
  /** The places of the last 1, 2, … units, as far as those n-grams are in the table. */
  readonly places: Int32Array;
  length: number;
}

/** At the beginning of a sentence. */
export function beginSentence({ order }: NgramModel, state?: NgramState): NgramState {
  const begun = state ?? { places: new Int32Array(Math.max(order - 1, 1)), length: 0 };
  begun.places[0] = BEGIN;
  begun.length = Math.min(1, order - 1);
  return begun;
}

/** log₁₀ p(unit | state); the state then ends in the unit. */
export function nextUnit({ order, table }: NgramModel, state: NgramState, unit: number): number {
  const { places } = state;
  const { values } = table;
  let longest = unit; // the longest n-gram found that ends in the unit
  let matched = 0; // the length of its context
  while (matched < state.length) {
    const place = placeOf(table, places[matched] ?? 0, unit);
    if (place < 0) break;
    places[matched] = longest;
    longest = place;
    matched++;
  }
  let logProbability = values[2 * longest] ?? 0;
  for (let missed = matched; missed < state.length; missed++) {
    logProbability += values[2 * (places[missed] ?? 0) + 1] ?? 0;
  }
  if (matched < order - 1) places[matched] = longest;
  state.length = Math.min(matched + 1, order - 1);
  return logProbability;
}

/** An n-gram model's score of a text. */
export interface NgramScored extends Scored {
  /** Units that are not in the vocabulary. */
  readonly unknown: number;
}

/** A scorer that answers at once. */
export interface NgramScorer extends Scorer {
  score(text: string): NgramScored;
}

/**
 * A model as a scorer. Each line with something in it is a sentence, from `<s>` to `</s>`, whose end counts as a unit, so that
 * `perplexityOf(score(line))` is KenLM's perplexity of the line.
 *
 * @example
 * const { score } = ngramScorer(model);
 * perplexityOf(score('To be, or not to be'));
 */
export function ngramScorer(model: NgramModel): NgramScorer {
  const split = splitterOf(model.units);
  const { vocabulary } = model;
  const state = beginSentence(model);
  return {
    score: (text) => {
      let log10 = 0;
      let numUnits = 0;
      let unknown = 0;
      for (const line of text.split('\n')) {
        const units = split(line);
        if (units.length === 0) continue;
        beginSentence(model, state);
        for (const name of units) {
          const unit = vocabulary.get(name) ?? UNKNOWN;
          if (unit === UNKNOWN) unknown++;
          log10 += nextUnit(model, state, unit);
        }
        log10 += nextUnit(model, state, END);
        numUnits += units.length + 1;
      }
      return { logProbability: log10 * Math.LN10, units: numUnits, unknown };
    },
  };
}
