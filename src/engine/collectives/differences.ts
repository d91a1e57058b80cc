/**
 * Where members differ in what they call, or undefined where all call the same. A call is told in lines, the first one being its
 * name: `['allReduce mean', 'float32[2, 3]', 'float32[3]']`.
 *
 * @example
 * differences(new Map([[0, ['allReduce sum', 'float32[2]']], [1, ['allReduce sum', 'float32[3]']]]));
 * // 'member 0: allReduce sum, tensor 0 is float32[2]; member 1: allReduce sum, tensor 0 is float32[3]'
 */
export function differences(calls: ReadonlyMap<number, readonly string[]>): string | undefined {
  const all = [...calls].sort(([a], [b]) => a - b);
  const longest = Math.max(...all.map(([, lines]) => lines.length));
  const place = Array.from({ length: longest }, (_, line) => line).find(
    (line) => new Set(all.map(([, lines]) => lines[line])).size > 1,
  );
  if (place === undefined) return undefined;
  const told = all.map(([index, lines]): [string, number] => {
    const [name = ''] = lines;
    const tensor = lines[place] ?? `missing (there are ${lines.length - 1})`;
    return [place === 0 ? name : `${name}, tensor ${place - 1} is ${tensor}`, index];
  });
  const texts = [...new Set(told.map(([text]) => text))];
  return texts
    .map((text) => {
      const members = told.filter(([other]) => other === text).map(([, index]) => index);
      return `${members.length === 1 ? 'member' : 'members'} ${members.join(', ')}: ${text}`;
    })
    .join('; ');
}
