// Reading: files → documents.
export { load } from './load.js';
export { listInputs, readInput, type Input, type Source } from './inputs.js';
export type { FieldNames, ReadOptions } from './options.js';
export type { FormatName } from './format-names.js';
export type { Origin, Place, ReadDocument } from './read.js';
