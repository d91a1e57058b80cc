/** Characters back to the bytes they were read from. */

/** Bytes 80 to 9F of Windows-1252. Written out, since Node's decoder of that name reads Latin-1. */
export const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

let windows: Uint8Array | undefined;

/**
 * The byte of a character in Windows-1252, by code unit, 0 for those that it lacks and for ASCII; as browsers read it: the five bytes that it leaves open are the controls of
 * Latin-1. U+0080 to U+009F stand for their own bytes, too, so that texts that were read as Latin-1 are covered.
 */
export function windows1252Bytes(): Uint8Array {
  if (windows !== undefined) return windows;
  const table = new Uint8Array(65_536);
  for (let byte = 0x80; byte < 0x100; byte++) table[byte] = byte;
  for (let index = 0; index < WINDOWS_1252.length; index++) table[WINDOWS_1252.charCodeAt(index)] = 0x80 + index;
  windows = table;
  return table;
}

let gbk: Uint16Array | undefined;

/** The two bytes of a character in GBK, first × 256 + second, by code unit; 0 for those that it lacks. */
export function gbkBytes(): Uint16Array {
  if (gbk !== undefined) return gbk;
  const table = new Uint16Array(65_536);
  const decoder = new TextDecoder('gbk');
  for (let first = 0x81; first <= 0xfe; first++) {
    for (let second = 0x40; second <= 0xfe; second++) {
      if (second === 0x7f) continue;
      const text = decoder.decode(Uint8Array.of(first, second));
      if (text.length === 1 && text !== '\ufffd') table[text.charCodeAt(0)] = (first << 8) | second;
    }
  }
  gbk = table;
  return table;
}

/** Whether a character of GBK is one of the 3,755 that are most used (level 1 of GB 2312), or its punctuation. */
export function isFrequentInGbk(bytes: number): boolean {
  const [first, second] = [bytes >> 8, bytes & 0xff];
  return second >= 0xa1 && ((first >= 0xb0 && first <= 0xd7) || first === 0xa1 || first === 0xa3);
}
