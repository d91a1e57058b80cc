// The ledger: what became of each document, and why.
export type { Event, Fate, Ledger, StepCount } from './ledger.js';
