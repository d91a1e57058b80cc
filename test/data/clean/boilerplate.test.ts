import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dropBoilerplate, withoutBoilerplate } from '../../../src/data/clean/boilerplate.js';
import { htmlToText, stripHtml } from '../../../src/data/clean/strip-html.js';
import { document } from '../../../src/data/document.js';

const page = (text: string) => document({ text, source: 's', domain: 'd' });

/** 13 of its 29 words are stop words, more than 0.32; over 200 characters in twice of it. */
const SENTENCE =
  'The train that we had taken to the coast was late, so that all of us were there only when the sun was about to set over the grey water and hills.';
const GOOD = `${SENTENCE} ${SENTENCE}`;
/** None of its 12 words is a stop word; 89 characters. */
const LINKS = 'Products Solutions Pricing Documentation Customers Partners Careers Press Blog Events Support';

describe('dropBoilerplate', () => {
  it.each([
    ['menus and notices', `Home\n${LINKS}\n${GOOD}\nShare this article\n© 2020 Somebody`, GOOD],
    ['a short line between good ones stays', `${GOOD}\nA heading\n${GOOD}`, `${GOOD}\nA heading\n${GOOD}`],
    ['a short line between a good and a bad one goes', `${GOOD}\nA heading\n${LINKS}`, GOOD],
    // The end of the text is bad, but a sentence (near good) stands before it, which is good for the good one beside it.
    [
      'a short line between a good one and a sentence stays',
      `${GOOD}\nA heading\n${SENTENCE}`,
      `${GOOD}\nA heading\n${SENTENCE}`,
    ],
    ['a sentence among bad ones goes', `${LINKS}\n${SENTENCE}\n${LINKS}`, ''],
    [
      'Chinese',
      '首页\n登录\n这个国家的经济在过去的几年里发展得很快，人们的生活也有了很大的变化，但是问题还是不少，需要大家一起来解决，不能只靠一个人的力量去做完所有的事情。\n版权所有',
      '这个国家的经济在过去的几年里发展得很快，人们的生活也有了很大的变化，但是问题还是不少，需要大家一起来解决，不能只靠一个人的力量去做完所有的事情。',
    ],
  ])('%s', (_, text, expected) => {
    expect(withoutBoilerplate(text).text).toBe(expected);
  });

  it('counts the lines, and drops what has nothing else', async () => {
    expect(await dropBoilerplate().judge([page(`${LINKS}\n${GOOD}`), page(LINKS), page(GOOD)])).toEqual([
      { keep: { ...page(`${LINKS}\n${GOOD}`), text: GOOD }, changes: { 'lines of boilerplate': 1 } },
      { drop: 'nothing but boilerplate' },
      { keep: page(GOOD) },
    ]);
  });
});

describe('stripHtml', () => {
  it.each([
    ['<p>One <b>bold</b> word &amp; more.</p><script>if (a < b) track("</p>")</script>', 'One bold word & more.'],
    ['<!-- no --><h1 class="a > b">Title</h1><ul><li>one<li>two</ul>', 'Title\n\none\ntwo'],
    ['<table><tr><td>a</td><td>b</td></tr></table>', 'a\tb'],
    ['a < b and vector<int> x; b > c &amp; d', 'a < b and vector<int> x; b > c &amp; d'],
    ['line<br/>break <i>in</i>line', 'line\nbreak inline'],
  ])('%s', (html, text) => {
    expect(htmlToText(html).text).toBe(text);
  });

  it('counts what it takes out', async () => {
    const html = page('<p>a &lt; b</p>');
    expect(await stripHtml().judge([html, page('<hr>'), page('plain')])).toEqual([
      { keep: { ...html, text: 'a < b' }, changes: { tags: 2, 'HTML entities': 1 } },
      { drop: 'no text but markup' },
      { keep: page('plain') },
    ]);
  });

  it('throws on no string', () => {
    const piece = fc.constantFrom('<', '>', '</', 'p', 'script', '"', "'", ' ', '&lt;', '!--', '-->', 'a', '\n', '<p ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        withoutBoilerplate(htmlToText(pieces.join('')).text);
      }),
    );
  });
});
