/**
 * The scripts of Chinese by their first character sets: GB 2312 (1980) has the simplified characters, Big5 (1984) the traditional ones. What
 * only one of them has, such as 国 or 國, belongs to one script; most characters stand in both.
 */
interface Scripts {
  readonly simplified: ReadonlySet<number>;
  readonly traditional: ReadonlySet<number>;
}

let scripts: Scripts | undefined;

function readScripts(): Scripts {
  if (scripts !== undefined) return scripts;
  // Chinese characters: rows 16 to 87 of GB 2312; the frequent ones of Big5 begin with the bytes A4 to C6, the others with C9 to F9.
  const simplified = charactersOf('gbk', [[0xb0, 0xf7]], [[0xa1, 0xfe]]);
  const traditional = charactersOf(
    'big5',
    [
      [0xa4, 0xc6],
      [0xc9, 0xf9],
    ],
    [
      [0x40, 0x7e],
      [0xa1, 0xfe],
    ],
  );
  scripts = {
    simplified: new Set([...simplified].filter((code) => !traditional.has(code))),
    traditional: new Set([...traditional].filter((code) => !simplified.has(code))),
  };
  return scripts;
}

type Ranges = readonly (readonly [first: number, last: number])[];

/** The characters of an encoding that have two bytes in these ranges. */
function charactersOf(encoding: string, first: Ranges, second: Ranges): ReadonlySet<number> {
  const all = (ranges: Ranges): readonly number[] =>
    ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
  const pairs = all(first).flatMap((one) => all(second).map((two) => [one, two] as const));
  const decoder = new TextDecoder(encoding);
  return new Set(
    pairs.flatMap((pair) => {
      const text = decoder.decode(Uint8Array.from(pair));
      return text.length === 1 && /\p{Script=Han}/u.test(text) ? [text.charCodeAt(0)] : [];
    }),
  );
}

/** `zh-Hans` or `zh-Hant` by which characters are more; `zh` where there are none of either, or as many of both. */
export function chineseScript(text: string): 'zh' | 'zh-Hans' | 'zh-Hant' {
  const { simplified, traditional } = readScripts();
  let balance = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (simplified.has(code)) balance++;
    else if (traditional.has(code)) balance--;
  }
  return balance > 0 ? 'zh-Hans' : balance < 0 ? 'zh-Hant' : 'zh';
}

/**
 * The share of Chinese in a text: Han characters of all letters, where a Han character counts for three letters of an alphabet (about what it says), and
 * 0 if a twentieth of Han and Kana are Kana: that is Japanese.
 */
export function chineseShare(text: string): number {
  let han = 0;
  let kana = 0;
  let letters = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x41) continue;
    if ((code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf)) han++;
    else if (code >= 0x3041 && code <= 0x30ff) kana++;
    else if (/\p{L}/u.test(String.fromCharCode(code))) letters++;
  }
  if (han === 0 || 20 * kana > han + kana) return 0;
  return (3 * han) / (3 * han + letters);
}
