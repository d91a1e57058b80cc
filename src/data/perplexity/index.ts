// Perplexity: how likely a language model finds a document, and what is done with those it does not.
export { splitWords, type Units } from './units.js';
export { perplexityOf, type Scored, type Scorer } from './scorer.js';
export { ngramScorer, type NgramModel, type NgramScorer } from './ngram-model.js';
export { trainNgrams, type TrainNgramsOptions } from './train-ngrams.js';
export { loadNgrams, saveNgrams } from './ngram-codec.js';
export { readArpa, type ReadArpaOptions } from './read-arpa.js';
export { writeArpa } from './write-arpa.js';
export { perplexity, type PerplexityOptions, type ScoringModel } from './perplexity.js';
export { perplexityFigure, type PerplexityFigureOptions } from './perplexity-figure.js';
