/** Runs done again: what is recorded of a run, and how two of them compare. */
export { compareRecords, type ComparedRecords } from './compare-records.js';
export type { Comparison, StageComparison, ValueComparison } from './compare.js';
export { readRecordedRun, type RecordedRun } from './recorded-run.js';
