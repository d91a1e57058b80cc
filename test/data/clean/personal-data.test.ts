import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { luhn } from '../../../src/data/clean/personal/card.js';
import { findPersonalData, maskPersonalData, personalKinds } from '../../../src/data/clean/personal/find.js';
import type { PersonalKind } from '../../../src/data/clean/personal/find.js';
import { personalData } from '../../../src/data/clean/personal-data.js';
import { document } from '../../../src/data/document.js';
import { load } from '../../../src/data/read/load.js';

/** What is found, as `kind: text`. */
const found = (text: string): readonly string[] =>
  findPersonalData(text, personalKinds).map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);

describe('personal data', () => {
  it.each([
    ['Write to <jane.doe+news@mail.example.co.uk>.', ['email: jane.doe+news@mail.example.co.uk']],
    ['邮箱zhang_san@qq.com，电话13800138000。', ['email: zhang_san@qq.com', 'phone: 13800138000']],
    ['(212) 555-0187 or 1-800-555-0199', ['phone: (212) 555-0187', 'phone: 1-800-555-0199']],
    ['+44 20 7946 0958, +86 138-1234-5678', ['phone: +44 20 7946 0958', 'phone: +86 138-1234-5678']],
    ['办公室010-62345678转8001，手机 138 1234 5678', ['phone: 010-62345678', 'phone: 138 1234 5678']],
    ['call me on 06-79062134?', ['phone: 06-79062134']],
    // The example of GB 11643-1999, and one with another last digit, which fits no check.
    ['身份证号11010519491231002X', ['chineseId: 11010519491231002X']],
    ['身份证 110105 19491231 002x', ['chineseId: 110105 19491231 002x']],
    ['身份证号110105194912310021', []],
    ['身份证 110105491231002', ['chineseId: 110105491231002']],
    ['编号 110105491231002', []],
    // Numbers that the issuers publish for tests.
    ['4012 8888 8888 1881 and 378282246310005', ['creditCard: 4012 8888 8888 1881', 'creditCard: 378282246310005']],
    ['4012888888881882', []],
    ['卡号6222021234567890128', ['bankCard: 6222021234567890128']],
    // A digit changed.
    ['卡号6222021234567890129', []],
    // The examples of the IBAN registry and of Wikipedia.
    [
      'DE89 3704 0044 0532 0130 00, GB29NWBK60161331926819.',
      ['iban: DE89 3704 0044 0532 0130 00', 'iban: GB29NWBK60161331926819'],
    ],
    ['DE89 3704 0044 0532 0130 01', []],
    ['from 203.0.113.42:8080', ['ipAddress: 203.0.113.42']],
    ['[2001:db8:85a3::8a2e:370:7334]', ['ipAddress: 2001:db8:85a3::8a2e:370:7334']],
    ['SSN 536-90-4399, social security 536904399', ['ssn: 536-90-4399', 'ssn: 536904399']],
    ['护照号码：EA1234567', ['passport: EA1234567']],
    ['车牌京A·12345和粤BD12345', ['licencePlate: 京A·12345', 'licencePlate: 粤BD12345']],
  ] as const)('are found in %s', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  it.each([
    'order no. 4012888888881881 was sent', // a card's form, said to be an order's number
    '订单号：4012888888881881',
    'version 1.2.3.4 and v10.20.30.40, firmware 192.0.2.1',
    'as in 3.14.15.9 and section 5.4.5.2',
    'localhost 127.0.0.1, 10.0.0.1, 192.168.1.20, 300.1.2.3',
    'at 12:30:45 and 2024-11-29T18:59:19.123Z, 1732906759123',
    'ISBN 978-3-16-148410-0, DOI 10.1000/182',
    'from 1990-2000, 10,000,000 people, $1,234,567.89',
    'react@18.2.0 and icon@2x.png, user@localhost',
    'std::vector<int>::iterator a::b::c 00:1A:2B:3C:4D:5E',
    'sha 9a9e71d40db190ac623638e94aa58bbd',
    '000-12-3456, 666-12-3456, 900-12-3456',
    'tracking number 9400 1000 0000 0000 0000 00',
    '2024年11月29日，第123456789号，价格199.00元',
    'pi is 3.14159265358979323846, 6.02214076e23',
    '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15',
    '9999 9999 9999 9999',
  ])('are not seen in %s', (text) => {
    expect(found(text)).toEqual([]);
  });

  it('reach their goals on sentences with marked spans, kind by kind', async () => {
    const kinds: Readonly<Record<string, PersonalKind>> = {
      EMAIL_ADDRESS: 'email',
      PHONE_NUMBER: 'phone',
      CREDIT_CARD: 'creditCard',
      IP_ADDRESS: 'ipAddress',
    };
    const counts = new Map<string, { both: number; ours: number; marked: number }>();
    const countOf = (kind: string) => {
      const count = counts.get(kind) ?? { both: 0, ours: 0, marked: 0 };
      counts.set(kind, count);
      return count;
    };
    const { documents } = await load('pii_templates');
    for (const { text, meta = {} } of documents) {
      const marked = new Set<string>();
      for (const { type, start, end } of meta['spans'] as { type: string; start: number; end: number }[]) {
        const [kind] = [kinds[type]];
        if (kind === undefined) continue;
        // Marked in code points.
        const units = (points: number): number => Array.from(text).slice(0, points).join('').length;
        marked.add(`${kind} ${units(start)} ${units(end)}`);
        countOf(kind).marked++;
      }
      for (const { kind, start, end } of findPersonalData(text)) {
        countOf(kind).ours++;
        if (marked.has(`${kind} ${start} ${end}`)) countOf(kind).both++;
      }
    }
    const f1 = (kind: PersonalKind): number => {
      const { both, ours, marked } = countOf(kind);
      return (2 * both) / (ours + marked);
    };
    expect(countOf('creditCard').marked).toBe(195);
    expect(f1('creditCard')).toBeGreaterThanOrEqual(0.99); // a check digit
    expect(f1('email')).toBeGreaterThanOrEqual(0.99);
    expect(f1('ipAddress')).toBeGreaterThanOrEqual(0.95);
    expect(f1('phone')).toBeGreaterThanOrEqual(0.95);
    expect(countOf('iban').ours + countOf('chineseId').ours + countOf('bankCard').ours).toBe(0);
  });

  it('finds numbers with a check digit that are drawn at random, and none with the digit changed', () => {
    const digits = (length: number) =>
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length }).map((all) => all.join(''));
    fc.assert(
      fc.property(digits(14), fc.constantFrom('4', '62'), (body, prefix) => {
        const start = (prefix + body).slice(0, 15);
        const last = [...'0123456789'].find((digit) => luhn(start + digit)) ?? '';
        expect(found(`card ${start}${last}.`)).toEqual([
          `${prefix === '4' ? 'creditCard' : 'bankCard'}: ${start}${last}`,
        ]);
        expect(found(`card ${start}${(Number(last) + 1) % 10}.`).filter((one) => one.includes('Card'))).toEqual([]);
      }),
    );
  });

  it('has spans inside the text, and masks once for all', () => {
    const piece = fc.constantFrom(
      'jane@example.org',
      '13800138000',
      'passport ',
      'E12345678',
      ' call ',
      '06-79062134',
      '4012888888881881',
      ' ',
      '\n',
      '好',
      '😀',
      '<PHONE>',
      '203.0.113.42',
      'SSN',
      '536904399',
      '@',
      '+',
      '-',
      '1',
      '0',
      '::',
      'DE89370400440532013000',
      '(212) 555-0187',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          let end = 0;
          for (const span of findPersonalData(text, personalKinds)) {
            expect(span.start).toBeGreaterThanOrEqual(end);
            expect(span.end).toBeGreaterThan(span.start);
            end = span.end;
          }
          expect(end).toBeLessThanOrEqual(text.length);
          const once = maskPersonalData(text, personalKinds).text;
          expect(maskPersonalData(once, personalKinds)).toEqual({ text: once, counts: {} });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('personalData', () => {
  const mail = document({
    text: 'Write to jane@example.org or joe@example.org, card 4012888888881881.',
    source: 's',
    domain: 'd',
  });
  const clean = document({ text: 'Nothing here.', source: 's', domain: 'd' });

  it('finds, masks or drops, and tells nobody what it was', async () => {
    const find = await personalData({ action: 'find' }).judge([mail, clean]);
    expect(find).toEqual([{ keep: mail, scores: { email: 2, creditCard: 1 } }, { keep: clean }]);
    const mask = await personalData({ action: 'mask' }).judge([mail, clean]);
    expect(mask).toEqual([
      {
        keep: { ...mail, text: 'Write to <EMAIL> or <EMAIL>, card <CREDIT_CARD>.' },
        changes: { email: 2, creditCard: 1 },
      },
      { keep: clean },
    ]);
    const drop = await personalData({ action: 'drop', kinds: ['email'], most: 1 }).judge([mail, clean]);
    expect(drop).toEqual([{ drop: 'personal data', score: 2, evidence: 'email' }, { keep: clean }]);
    expect(await personalData({ action: 'drop', kinds: ['email'], most: 2 }).judge([mail])).toMatchObject([
      { keep: mail },
    ]);
  });

  it('refuses kinds that there are not', () => {
    // @ts-expect-error names are not found
    expect(() => personalData({ action: 'mask', kinds: ['name'] })).toThrow('personalData: no such kind');
    // @ts-expect-error an action is needed
    expect(() => personalData({})).toThrow('personalData: no such action');
  });
});
