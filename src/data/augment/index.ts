// Augmentation: more examples from those that are there.
export { augment, type AugmentOptions, type Augmented, type LabelledText, type TextExample } from './augment.js';
export { augmentCorpus } from './augment-corpus.js';
export type { Augmenter, Varied } from './augmenter.js';
export { wordNet, type Thesaurus } from './thesaurus.js';
export { synonymReplacement, type SynonymOptions } from './synonym-replacement.js';
export { randomDeletion, randomInsertion, randomSwap, type RandomEditOptions } from './random-edits.js';
export { backTranslate, type BackTranslateOptions, type Translate } from './back-translation.js';
export { everydayForms, templateParaphrase, type Forms } from './template-paraphrase.js';
