// The ledger: what became of each document, and why.
export type { Fate, Ledger, StepCount } from './ledger.js';
