import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { chineseScript } from '../../../src/data/clean/chinese-script.js';
import { language, languageIdentifier } from '../../../src/data/clean/language.js';
import { document } from '../../../src/data/document.js';
import { load } from '../../../src/data/read/load.js';

/** Six short sentences in each of 16 languages, written for this test. */
const sentences = JSON.parse(await readFile(new URL('fixtures/languages.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, readonly string[]>
>;
const page = (text: string) => document({ text, source: 's', domain: 'd' });

describe('language', () => {
  it('tells short sentences of 16 languages', async () => {
    const identify = await languageIdentifier();
    const wrong = Object.entries(sentences).flatMap(([tag, texts]) =>
      texts.filter((text) => identify(text).language !== tag).map((text) => `${tag}: ${text}`),
    );
    expect(wrong).toEqual([]);
  });

  it('tells the sentences of Brown and the classics, line by line', async () => {
    const identify = await languageIdentifier({ scripts: true });
    const lines = async (name: string) =>
      (await load(name)).documents.flatMap(({ text }) =>
        text
          .split('\n')
          .filter((line) => line.length > 12)
          .slice(0, 4),
      );
    const share = (all: readonly string[], tag: string) =>
      all.filter((line) => identify(line).language.startsWith(tag)).length / all.length;
    expect(share((await lines('brown')).slice(0, 600), 'en')).toBeGreaterThan(0.98);
    expect(share((await lines('zh_classics')).slice(0, 600), 'zh')).toBe(1);
  });

  it('keeps what is asked for, writes the language down, and says why not', async () => {
    const english = page(sentences['en']?.join(' ') ?? '');
    const chinese = page(sentences['zh']?.join('') ?? '');
    const german = page(sentences['de']?.join(' ') ?? '');
    const verdicts = await language(['en', 'zh']).judge([english, chinese, german, page('1 2 3')]);
    expect(verdicts).toMatchObject([
      { keep: { id: english.id, language: 'en' } },
      { keep: { language: 'zh' }, scores: { language: 1 } },
      { drop: 'language de' },
      { drop: 'language not sure', score: 0, evidence: 'und' },
    ]);
    expect(await language(['en'], { minScore: 0.99 }).judge([english])).toMatchObject([{ drop: 'language not sure' }]);
  });

  it('tells the scripts of Chinese', async () => {
    expect(['秦川雄帝宅，函谷壯皇居。', '我们从来没见过这样的花园。', '一二三'].map(chineseScript)).toEqual([
      'zh-Hant',
      'zh-Hans',
      'zh',
    ]);
    const [simplified, traditional] = [page('这个国家的经济发展很快。'), page('這個國家的經濟發展很快。')];
    expect(await language(['zh-Hans']).judge([simplified, traditional])).toMatchObject([
      { keep: { language: 'zh-Hans' } },
      { drop: 'language zh-Hant' },
    ]);
    // Japanese has Han characters, too; Chinese about English things has Latin letters.
    const identify = await languageIdentifier();
    expect(identify('東京大学の法学部で学ぶ。').language).toBe('ja');
    expect(identify('使用 Debian 的 apt-get 命令安装 PostgreSQL 数据库服务器。').language).toBe('zh');
  });

  it('refuses names that are none', () => {
    expect(() => language([])).toThrow('language: no such language');
    expect(() => language(['english'])).toThrow('language: no such language');
  });
});
