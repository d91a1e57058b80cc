/** Sources with their targets: pairs as they are, and texts of which something is left out, to be written. */
export {
  corruptSpans,
  noiseMask,
  sentinelsOf,
  spanLengths,
  type SequencePair,
  type SpanMarks,
  type SpanOptions,
} from './span-corruption.js';
export {
  prefixDenoiser,
  spanDenoiser,
  ul2Denoisers,
  type Denoiser,
  type ModeMark,
  type Rated,
  type Ul2Modes,
} from './denoisers.js';
export {
  denoisedInOrder,
  denoisingLoader,
  sequenceLoader,
  sequencesInOrder,
  type Denoising,
  type SequenceBatch,
  type SequenceSizes,
} from './sequence-loader.js';
export { prefixLoader, type PrefixBatch } from './prefix-loader.js';
export {
  blankLoader,
  fillBlanks,
  leaveBlanks,
  type Blank,
  type BlankBatch,
  type BlankedText,
  type BlankOptions,
} from './blanks.js';
export { rowTexts } from './row-texts.js';
