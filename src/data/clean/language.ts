import { TrainbookError } from '../../error.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { chineseScript, chineseShare } from './chinese-script.js';

export interface LanguageOptions {
  /**
   * How sure one must be, from 0 to 1: 0.5. Prose of some sentences has 0.7 and more, source code about 0.65, random letters
   * under 0.5; of Chinese it is its share of the text.
   */
  readonly minScore?: number;
  /** Whether Chinese is told as `zh-Hans` (simplified) or `zh-Hant` (traditional). By default only if one of these is to be kept. */
  readonly scripts?: boolean;
}

/** The language of a text, and how sure that is. */
export interface Identified {
  /** BCP 47; `und` (undetermined) where nothing can be told, such as for numbers. */
  readonly language: string;
  /** From 0 to 1. */
  readonly score: number;
}

/** So many characters tell the language of a document. */
const ENOUGH = 4096;
/** Han characters say more than an alphabet's letters: texts with more of them than this share are Chinese. */
const CHINESE_FROM = 0.5;

/**
 * Keeps documents in some languages and writes the language into each (`document.language`); the ledger has the score. Chinese is told by its
 * script; 60 languages by the n-grams of eld 2.1 (N. Tàpia, Efficient Language Detector, its small database). The first 4,096 characters are looked at.
 * `zh` keeps both scripts of Chinese, `zh-Hans` one.
 *
 * @param keep BCP 47, such as `en` and `zh`.
 * @throws TrainbookError for no language, or a name of another kind.
 * @example
 * await load('web.jsonl').through(normalise(), language(['en', 'zh'], { minScore: 0.6 }));
 */
export function language(keep: readonly string[], options: LanguageOptions = {}): LocalStep {
  const wrong = keep.find((tag) => !/^[a-z]{2}(?:-Han[st])?$/u.test(tag));
  if (keep.length === 0 || wrong !== undefined) {
    throw new TrainbookError({
      what: 'language: no such language',
      received: wrong ?? 'none',
      expected: 'two letters of ISO 639-1, such as en, zh or de; also zh-Hans and zh-Hant',
    });
  }
  const { minScore = 0.5, scripts = keep.some((tag) => tag.includes('-')) } = options;
  let identify: ((text: string) => Identified) | undefined;
  return localStep(
    'language',
    (document): Verdict | Promise<Verdict> => {
      const judge = (found: Identified): Verdict => {
        const score = Math.round(1000 * found.score) / 1000;
        if (score < minScore) return { drop: 'language not sure', score, evidence: found.language };
        if (!keep.includes(found.language) && !keep.includes(found.language.slice(0, 2)))
          return { drop: `language ${found.language}`, score };
        return { keep: { ...document, language: found.language }, scores: { language: score } };
      };
      if (identify !== undefined) return judge(identify(document.text));
      return languageIdentifier({ scripts }).then((ready) => {
        identify = ready;
        return judge(ready(document.text));
      });
    },
    { module: import.meta.url, name: 'language', options: [keep, options] },
  );
}

/**
 * The function that tells the language of a text. Reading its database takes half a second and 80 MB, once.
 *
 * @example
 * const identify = await languageIdentifier();
 * identify('Wir freuen uns auf Ihre Antwort.');   // { language: 'de', score: 0.79 }
 */
export async function languageIdentifier({ scripts = false }: { readonly scripts?: boolean } = {}): Promise<
  (text: string) => Identified
> {
  const { eld } = await import('eld/small');
  return (text) => {
    const start = text.slice(0, ENOUGH);
    const share = chineseShare(start);
    if (share >= CHINESE_FROM) return { language: scripts ? chineseScript(start) : 'zh', score: share };
    const found = eld.detect(start);
    const { language } = found;
    if (language === '') return { language: 'und', score: 0 };
    return { language, score: found.getScores()[language] ?? 0 };
  };
}
