// Cleaning: what is mended, masked or dropped in each document by itself.
export { normalise, type NormaliseOptions } from './normalise.js';
export { gopher, quality } from './quality.js';
export { measureQuality } from './quality-rule.js';
export type { Judgement, QualityFilter, QualityRule } from './quality-rule.js';
export { gopherQuality, type GopherQualityBounds, type GopherQualityOptions } from './gopher-quality.js';
export { gopherRepetition, type GopherRepetitionBounds, type GopherRepetitionOptions } from './gopher-repetition.js';
export { c4, type C4Options } from './c4.js';
export { fineweb, type FineWebBounds, type FineWebOptions } from './fineweb.js';
export { chineseScript } from './chinese-script.js';
export { language, languageIdentifier, type Identified, type LanguageOptions } from './language.js';
export { personalData, type PersonalDataOptions } from './personal-data.js';
export { findPersonalData, maskPersonalData, type PersonalKind, type PersonalSpan } from './personal/find.js';
export { profanity, type ProfanityOptions } from './profanity.js';
export { rule } from './rule.js';
export { sensitiveList, type SensitiveList } from './sensitive-lists.js';
export { sensitiveWords, type SensitiveWordsOptions } from './sensitive-words.js';
export { findWords, wordList, type FoundWord, type WordList } from './word-list.js';
