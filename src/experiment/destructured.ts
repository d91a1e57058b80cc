/**
 * The names that a stage takes from its argument, `({ config, corpus: text }) => …` gives config and corpus, so that
 * only those artifacts need be loaded. Undefined where its text does not say for certain (an argument that is not taken
 * apart, a rest, a default value, a comment): then all are.
 */
export function destructuredNames(run: (input: never) => unknown): readonly string[] | undefined {
  const text = Function.prototype.toString.call(run);
  const pattern = /^(?:async\s*)?(?:function\s*[\p{L}\p{N}_$]*\s*)?\(\s*(\)|\{)/u.exec(text);
  if (pattern === null) return undefined;
  // A function without parameters may still look at `arguments`.
  if (pattern[1] === ')') return /\barguments\b/u.test(text) ? undefined : [];
  const body = text.slice(pattern[0].length);
  const end = body.indexOf('}');
  const inside = body.slice(0, end);
  if (end < 0 || /["'`/=.[{(]/u.test(inside) || /\barguments\b/u.test(text)) return undefined;
  const after = /^\s*,?\s*\)/u.test(body.slice(end + 1));
  if (!after) return undefined;
  const items = inside.split(',').map((item) => item.split(':')[0]?.trim() ?? '');
  return items.filter((item) => item !== '');
}
