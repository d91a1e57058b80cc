import fc from 'fast-check';

// One seed, so that a run of the tests says something about the code and not about its luck. To look for more: TRAINBOOK_TEST_SEED=random,
// or the number that a failure has printed.
const given = process.env.TRAINBOOK_TEST_SEED ?? '20261130';
if (given !== 'random') fc.configureGlobal({ seed: Number(given) });
