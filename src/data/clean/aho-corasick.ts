/**
 * Finds many words in one pass over a text, whatever their number: the automaton of Aho and Corasick 1975 (CACM 18, 333–340). States
 * are the beginnings of words; a character leads from one to a longer one, or along `fail` to the longest end of it that is a beginning, too.
 *
 * @example
 * const automaton = ahoCorasick(['he', 'she', 'hers']);
 * // in 'ushers' the words end so: she and he at 4, hers at 6
 */
export interface Automaton {
  /** The state after a character (a UTF-16 code unit). 0 is the start. */
  step(state: number, code: number): number;
  /** The words that end in a state, longest first, by number. */
  endsIn(state: number): readonly number[];
}

export function ahoCorasick(words: readonly string[]): Automaton {
  const edges = new EdgeTable();
  const ends: number[][] = [[]];
  for (const [number, word] of words.entries()) {
    let state = 0;
    for (let index = 0; index < word.length; index++) {
      const code = word.charCodeAt(index);
      let next = edges.get(state, code);
      if (next === 0) {
        next = ends.length;
        ends.push([]);
        edges.set(state, code, next);
      }
      state = next;
    }
    if (state !== 0) ends[state]?.push(number);
  }
  const fail = new Int32Array(ends.length);
  const step = (state: number, code: number): number => {
    for (let at = state; ; at = fail[at] ?? 0) {
      const next = edges.get(at, code);
      if (next !== 0) return next;
      if (at === 0) return 0;
    }
  };
  // A state's failure is shorter than it: words are lengthened together, character by character.
  const states = words.map(() => 0);
  const longest = words.reduce((most, { length }) => Math.max(most, length), 0);
  const done = new Uint8Array(ends.length);
  for (let index = 0; index < longest; index++) {
    for (const [number, word] of words.entries()) {
      if (index >= word.length) continue;
      const from = states[number] ?? 0;
      const code = word.charCodeAt(index);
      const to = edges.get(from, code);
      states[number] = to;
      if (done[to] === 1) continue;
      done[to] = 1;
      fail[to] = from === 0 ? 0 : step(fail[from] ?? 0, code);
      ends[to] = [...(ends[to] ?? []), ...(ends[fail[to]] ?? [])];
    }
  }
  return { step, endsIn: (state) => ends[state] ?? [] };
}

/** From state and character to state, as a hash table with open addressing: a hundred times smaller than a matrix. */
class EdgeTable {
  private size = 0;
  private states = new Int32Array(1024);
  private codes = new Uint16Array(1024);
  private targets = new Int32Array(1024);

  /** 0 where there is no edge. */
  get(state: number, code: number): number {
    const { states, codes, targets } = this;
    const mask = states.length - 1;
    for (let slot = slotOf(state, code) & mask; ; slot = (slot + 1) & mask) {
      const target = targets[slot] ?? 0;
      if (target === 0 || (states[slot] === state && codes[slot] === code)) return target;
    }
  }

  set(state: number, code: number, target: number): void {
    if (2 * ++this.size > this.states.length) this.grow();
    const mask = this.states.length - 1;
    let slot = slotOf(state, code) & mask;
    while (this.targets[slot] !== 0) slot = (slot + 1) & mask;
    this.states[slot] = state;
    this.codes[slot] = code;
    this.targets[slot] = target;
  }

  private grow(): void {
    const { states, codes, targets } = this;
    this.states = new Int32Array(2 * states.length);
    this.codes = new Uint16Array(2 * states.length);
    this.targets = new Int32Array(2 * states.length);
    this.size = 1;
    for (const [slot, target] of targets.entries())
      if (target !== 0) this.set(states[slot] ?? 0, codes[slot] ?? 0, target);
  }
}

function slotOf(state: number, code: number): number {
  const product = Math.imul(state, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b);
  return product ^ (product >>> 15);
}
