import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';

/** The bounds of jusText. Lengths are characters; Chinese ones are a third. */
export interface BoilerplateOptions {
  /** Blocks of fewer characters are short: 70. */
  readonly shortLength?: number;
  /** Blocks of more characters, with enough stop words, are good whatever stands around them: 200. */
  readonly longLength?: number;
  /** Share of stop words of a good block: 0.32 (in Chinese 0.08 of its characters). */
  readonly goodStopWords?: number;
  /** Share of stop words under which a block is bad: 0.3 (in Chinese 0.05). */
  readonly badStopWords?: number;
}

type Class = 'good' | 'near good' | 'short' | 'bad';

/** Menus, notices and buttons, as lines of their own. */
const NOTICE =
  /^(?:skip to (?:main )?content|share (?:this|on)\b|tweet(?: this)?$|read more|click here|log ?in|sign (?:in|up)|subscribe|menu|home$|search$|previous$|next$|back to top|leave a (?:reply|comment)|related (?:posts|articles)|(?:we|this (?:web)?site) uses? cookies|accept (?:all )?cookies|all rights reserved|privacy policy|terms (?:of|and)|copyright\b|powered by|登录|注册|首页|分享到|上一[篇页]|下一[篇页]|返回顶部|相关(?:文章|阅读)|版权所有|阅读全文|点击查看)|©|cookie policy|版权所有|备案号|ICP备/iu;

const STOP_WORDS = new Set(
  (
    'a about after all also an and any are as at be because been before but by can could did do does for from had has have he her him his how i if in into is it its ' +
    'just like may me more most my no not now of on one only or other our out over said she should so some such than that the their them then there these they this ' +
    'those through to too two under up us very was we were what when where which while who will with would you your'
  ).split(' '),
);
const STOP_CHARACTERS =
  /[的了是在和有不这這那我你他她它们們也就都而及与與或被把对對从從到以为為之其所者于於将將上中下个個一着著过過会會能可]/gu;

/**
 * Drops lines that are no running text: menus, buttons, notices on cookies and copyright, lists of links. After jusText (Pomikálek 2011, Removing Boilerplate and
 * Duplicate Content from Web Corpora, chapter 3), on lines instead of HTML blocks and without its density of links: blocks with many stop words are
 * good, with few bad; short ones follow their neighbours. English and Chinese.
 *
 * @example
 * await load('web.jsonl').through(stripHtml(), dropBoilerplate());
 */
export function dropBoilerplate(options: BoilerplateOptions = {}): LocalStep {
  return localStep(
    'drop boilerplate',
    (document): Verdict => {
      const { text, numDropped } = withoutBoilerplate(document.text, options);
      if (numDropped === 0) return { keep: document };
      if (text === '') return { drop: 'nothing but boilerplate' };
      return { keep: { ...document, text }, changes: { 'lines of boilerplate': numDropped } };
    },
    { module: import.meta.url, name: 'dropBoilerplate', options: [options] },
  );
}

/** The text without its lines of boilerplate, and how many there were. */
export function withoutBoilerplate(
  text: string,
  options: BoilerplateOptions = {},
): { readonly text: string; readonly numDropped: number } {
  const lines = text.split('\n');
  const blocks = lines.flatMap((line, index) =>
    line.trim() === '' ? [] : [{ index, kind: classify(line.trim(), options) }],
  );
  const kinds = revise(blocks.map(({ kind }) => kind));
  const dropped = new Set(blocks.flatMap(({ index }, block) => (kinds[block] === 'bad' ? [index] : [])));
  if (dropped.size === 0) return { text, numDropped: 0 };
  const kept = lines.filter((_, index) => !dropped.has(index)).join('\n');
  return { text: kept.replace(/\n{3,}/gu, '\n\n').trim(), numDropped: dropped.size };
}

/** By itself: by length and stop words. */
function classify(line: string, options: BoilerplateOptions): Class {
  const { shortLength = 70, longLength = 200 } = options;
  const numHan = line.match(/\p{Script=Han}/gu)?.length ?? 0;
  const isChinese = 3 * numHan > line.length;
  const { goodStopWords = isChinese ? 0.08 : 0.32, badStopWords = isChinese ? 0.05 : 0.3 } = options;
  const length = isChinese ? 3 * line.length : line.length;
  if (NOTICE.test(line) && length < longLength) return 'bad';
  if (length < shortLength) return 'short';
  const density = isChinese ? (line.match(STOP_CHARACTERS)?.length ?? 0) / numHan : stopWordDensity(line);
  if (density >= goodStopWords) return length > longLength ? 'good' : 'near good';
  return density >= badStopWords ? 'near good' : 'bad';
}

function stopWordDensity(line: string): number {
  const words = line.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return words.filter((word) => STOP_WORDS.has(word)).length / Math.max(words.length, 1);
}

/** By what stands around: the nearest good or bad blocks, the ends of the text being bad. */
function revise(kinds: readonly Class[]): readonly Class[] {
  const nearest = (from: number, step: 1 | -1, all: readonly Class[], takesNearGood: boolean): Class => {
    for (let index = from + step; index >= 0 && index < all.length; index += step) {
      const kind = all[index];
      if (kind === 'good' || kind === 'bad' || (takesNearGood && kind === 'near good')) return kind;
    }
    return 'bad';
  };
  const withoutShort = kinds.map((kind, index): Class => {
    if (kind !== 'short') return kind;
    const [before, after] = [nearest(index, -1, kinds, false), nearest(index, 1, kinds, false)];
    if (before === after) return before;
    const next = before === 'bad' ? nearest(index, -1, kinds, true) : nearest(index, 1, kinds, true);
    return next === 'near good' ? 'good' : 'bad';
  });
  return withoutShort.map((kind, index): Class => {
    if (kind !== 'near good') return kind;
    const isAlone =
      nearest(index, -1, withoutShort, false) === 'bad' && nearest(index, 1, withoutShort, false) === 'bad';
    return isAlone ? 'bad' : 'good';
  });
}
