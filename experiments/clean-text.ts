/**
 * A mixed corpus, cleaned over shards, with the fate of each document in a ledger:
 *
 *     npx trainbook data run experiments/clean-text.ts --out runs/data/clean --workers 2
 *     npx trainbook data counts runs/data/clean
 */
import {
  decontaminate,
  deduplicate,
  deduplicateLines,
  key,
  language,
  load,
  localStep,
  mix,
  normalise,
  personalData,
  quality,
  gopher,
} from 'trainbook';

/** Gopher's rules count English words: other languages are not asked (chapter 3 shows what happens else). */
const english = quality(gopher());
const englishQuality = localStep('quality of English', (document) =>
  document.language === 'en' ? english.judgeOne(document) : { keep: document },
);

export default load(['enwiki', 'brown', 'c4_demo', 'handbook_docs', 'zh_classics', 'zh_poetry']).through(
  normalise(),
  language(['en', 'zh']),
  englishQuality,
  personalData({ action: 'mask' }),
  deduplicateLines({ unit: 'paragraph' }),
  deduplicate({ threshold: 0.8 }),
  decontaminate({ against: 'shakespeare' }),
  mix({ temperature: 2, caps: { enwiki: 0.25 }, epochs: 4, key: key('clean text') }),
);
