import { TrainbookError } from '../../error.js';

/** Words of the generator's state. */
const SIZE = 624;

/**
 * numpy's `RandomState(seed)`: MT19937 (Matsumoto, Nishimura 1998, "Mersenne Twister", ACM TOMACS 8(1)), seeded by
 *
 *   state₀ = seed,   stateᵢ = 1812433253 (stateᵢ₋₁ ⊕ stateᵢ₋₁ ≫ 30) + i   (mod 2³²),
 *
 * so that what scikit-learn draws with `random_state=seed` can be drawn again. It is here for that alone: everything else
 * is drawn by keys (engine/key.ts).
 */
export interface RandomState {
  /** The next 32 bits. */
  word(): number;
  /** `values` in another order: Fisher–Yates from the last on, each bounded integer by masking and drawing again. */
  permutation<T>(values: readonly T[]): T[];
}

/**
 * @throws TrainbookError if the seed is not a whole number below 2³².
 * @example
 * randomState(42).permutation([0, 1, 2, 3, 4]); // [1, 4, 2, 0, 3], as np.random.RandomState(42).permutation(5)
 */
export function randomState(seed: number): RandomState {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new TrainbookError({
      what: 'randomState: numpy has no such seed',
      received: seed,
      expected: '0 ≤ seed < 2^32, a whole number',
    });
  }
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let index = 1; index < SIZE; index++) {
    const before = state[index - 1] ?? 0;
    state[index] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + index;
  }
  let position = SIZE;
  const word = (): number => {
    if (position === SIZE) {
      twist(state);
      position = 0;
    }
    let bits = state[position++] ?? 0;
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  };
  return {
    word,
    permutation: (values) => {
      const order = [...values];
      for (let last = order.length - 1; last > 0; last--) {
        const mask = 2 ** (32 - Math.clz32(last)) - 1;
        let chosen = (word() & mask) >>> 0;
        while (chosen > last) chosen = (word() & mask) >>> 0;
        [order[last], order[chosen]] = [order[chosen] as (typeof order)[number], order[last] as (typeof order)[number]];
      }
      return order;
    },
  };
}

/** The next 624 words: each from itself, its neighbour, and the one 397 further on. */
function twist(state: Uint32Array): void {
  for (let index = 0; index < SIZE; index++) {
    const joined = ((state[index] ?? 0) & 0x80000000) | ((state[(index + 1) % SIZE] ?? 0) & 0x7fffffff);
    state[index] = (state[(index + 397) % SIZE] ?? 0) ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
  }
}
