/** How answers and summaries are cut into words: `en` at white space, `zh` into characters, with words of other letters whole. */
export type TextLanguage = 'en' | 'zh';

/** Python's white space, which `str.split` goes by. */
const spaces = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;

/** Python's `string.punctuation`. */
const punctuation = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/gu;

const article = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** The words of an answer without punctuation and articles, in lower case: SQuAD 1.1's (Rajpurkar et al. 2016, 1606.05250). */
function englishWords(text: string): string[] {
  const bare = text.toLowerCase().replace(punctuation, '').replace(article, ' ');
  return bare.split(spaces).filter((word) => word !== '');
}

/** What CMRC 2018 leaves out (Cui et al. 2019, 1810.07366). Its list has two dots in one, `……`, which no character equals. */
const chinesePunctuation = /[-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』]/gu;
/** A Chinese character, or a word of other letters; a run of dots or another mark stands alone. */
const segment =
  /[\u4e00-\u9fa5]|(?:(?![\u4e00-\u9fa5])[\p{L}\p{N}])+(?:[.,](?:(?![\u4e00-\u9fa5])[\p{L}\p{N}])+)*|…+|\.+|\S/gu;

function chineseCharacters(text: string): string[] {
  return text.toLowerCase().trim().replace(chinesePunctuation, '').match(segment) ?? [];
}

/** An answer as the words that are compared. */
export function answerWords(text: string, language: TextLanguage): string[] {
  return language === 'zh' ? chineseCharacters(text) : englishWords(text);
}

/** An answer as it is compared as a whole. */
export function comparedAnswer(text: string, language: TextLanguage): string {
  if (language === 'en') return englishWords(text).join(' ');
  return text.toLowerCase().trim().replace(chinesePunctuation, '');
}

/** The words of a summary: runs of a–z and 0–9, as Google's rouge_score cuts it, without stemming; `zh`: Chinese characters too. */
export function summaryWords(text: string, language: TextLanguage): string[] {
  const lower = text.toLowerCase();
  if (language === 'en') return lower.match(/[a-z0-9]+/gu) ?? [];
  return lower.match(/[\u4e00-\u9fa5]|[a-z0-9]+/gu) ?? [];
}
