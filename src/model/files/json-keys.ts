/**
 * The number of `"key":` pairs in a valid JSON text, at all depths: its colons outside of strings. Where the parsed value has
 * fewer keys (`numKeys`), one was given twice, and `JSON.parse` has kept the last in silence.
 */
export function numWrittenKeys(json: string): number {
  let count = 0;
  let isString = false;
  for (let index = 0; index < json.length; index++) {
    const character = json.charCodeAt(index);
    if (isString) {
      if (character === 0x5c)
        index++; // a backslash: what follows is escaped
      else if (character === 0x22) isString = false;
    } else if (character === 0x22) isString = true;
    else if (character === 0x3a) count++;
  }
  return count;
}

/** The number of keys in a parsed JSON value, at all depths. */
export function numKeys(value: unknown): number {
  let count = 0;
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next)) count += Object.keys(next).length;
    for (const item of Object.values(next)) left.push(item);
  }
  return count;
}
