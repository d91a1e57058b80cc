import { TrainbookError } from '../../error.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { judgeFound } from './found-words.js';
import type { FoundAction } from './found-words.js';
import { sensitiveList } from './sensitive-lists.js';
import type { SensitiveList } from './sensitive-lists.js';
import { findWords, wordList } from './word-list.js';
import type { WordList } from './word-list.js';

export interface SensitiveWordsOptions extends FoundAction {
  /** Lists that come with the package. */
  readonly lists?: readonly SensitiveList[];
  /** Words and phrases of your own. */
  readonly words?: readonly string[];
}

/**
 * Finds, masks or drops by lists of words. Words of an alphabet are found between word borders, in any case; Chinese ones anywhere. Full-width letters and
 * zero-width characters hide nothing, nor do signs between the letters (`s.p.a.m`, `傻*逼`). One pass over a text, however many words.
 *
 * @throws TrainbookError where there is no list and no word; when a list is not there, as soon as a document is judged.
 * @example
 * await load('web.jsonl').through(sensitiveWords({ lists: ['naughty_en', 'naughty_zh'], action: 'drop', most: 2 }));
 */
export function sensitiveWords(options: SensitiveWordsOptions): LocalStep {
  const { lists = [], words = [] } = options;
  if (lists.length === 0 && words.every((word) => word.trim() === '')) {
    throw new TrainbookError({
      what: 'sensitiveWords: nothing to look for',
      received: JSON.stringify({ lists, words }),
      expected: 'lists, such as naughty_en, or words of your own',
    });
  }
  let ready: WordList | undefined;
  return localStep(
    'sensitive words',
    (document): Verdict | Promise<Verdict> => {
      const judge = (list: WordList): Verdict =>
        judgeFound('sensitive words', document, findWords(list, document.text), options);
      if (ready !== undefined) return judge(ready);
      return Promise.all(lists.map(sensitiveList)).then((found) =>
        judge((ready ??= wordList([...found.flat(), ...words]))),
      );
    },
    { module: import.meta.url, name: 'sensitiveWords', options: [options] },
  );
}
