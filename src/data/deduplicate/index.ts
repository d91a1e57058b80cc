// Deduplication: one of all that are the same.
export { deduplicate, type DeduplicateOptions } from './deduplicate.js';
