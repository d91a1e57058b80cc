// Reading: files → documents.
export { load } from './load.js';
export type { Source } from './inputs.js';
