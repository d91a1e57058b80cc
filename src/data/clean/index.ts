// Cleaning: what is mended, masked or dropped in each document by itself.
export { normalise } from './normalise.js';
export { gopher, quality } from './quality.js';
export { measureQuality } from './quality-rule.js';
export type { Judgement, QualityFilter, QualityRule } from './quality-rule.js';
export { gopherQuality, type GopherQualityBounds, type GopherQualityOptions } from './gopher-quality.js';
export { gopherRepetition, type GopherRepetitionBounds, type GopherRepetitionOptions } from './gopher-repetition.js';
export { c4, type C4Options } from './c4.js';
export { fineweb, type FineWebBounds, type FineWebOptions } from './fineweb.js';
