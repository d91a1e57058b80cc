// Deduplication: one of all that are the same, from equal texts and lines to near-duplicates and equal meaning; and what an evaluation has, too.
export { deduplicate, type DeduplicateOptions, type DeduplicateWork } from './deduplicate.js';
export { deduplicateLines, type DeduplicateLinesOptions } from './deduplicate-lines.js';
export {
  deduplicateSemantically,
  type DeduplicateSemanticallyOptions,
  type Embed,
  type Embedded,
} from './deduplicate-semantically.js';
export {
  decontaminate,
  gpt3Decontamination,
  llama3Decontamination,
  type Cut,
  type DecontaminateOptions,
} from './decontaminate.js';
export type { ShingleOptions } from './shingles.js';
