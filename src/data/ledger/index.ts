// The ledger: what became of each document, and why.
export type { Event, Fate, Ledger, StepCount } from './ledger.js';
export { readLedger, type StoredLedger } from './stored-ledger.js';
export type { LedgerDatabase } from './sql.js';
