/**
 * How a ranking grows key by key, as functions of values. Written for the browser, hence as text. A ranking has `groups` of places, the best
 * first; `tied`, whether the next answer joins the last group; `auto`, whether the last group was the one answer that was left; and
 * `before`, the ranking that Backspace goes back to.
 *
 * - `A` … `I` or `1` … `9`: this answer comes next. When only one is left, it is the last by itself. After a whole ranking, a new one begins.
 * - `=`: the next is as good as the one before; after an answer that came last by itself, this one. `>`: it is not.
 * - `0`: all are as good as each other. `Backspace`: back by a key.
 */
export const rankingKeys = `
const emptyRanking = { groups: [], tied: false, auto: false, before: null };
const isWhole = (ranking, count) => ranking.groups.flat().length === count;
const rankingOf = (groups) => (groups.length === 0 ? emptyRanking : { groups, tied: false, auto: false, before: emptyRanking });
const together = (group, more) => [...group, ...more].toSorted((a, b) => a - b);
const letterOf = (place) => 'ABCDEFGHI'[place];

function placeOf(key, count) {
  const place = /^[1-9]$/.test(key) ? Number(key) - 1 : key.length === 1 ? 'ABCDEFGHI'.indexOf(key.toUpperCase()) : -1;
  return place < count ? place : -1;
}

function withAnswer(ranking, place, count) {
  const begun = isWhole(ranking, count) ? { ...emptyRanking, before: ranking } : ranking;
  if (begun.groups.flat().includes(place)) return ranking;
  const last = begun.groups.at(-1);
  const groups = begun.tied && last ? [...begun.groups.slice(0, -1), together(last, [place])] : [...begun.groups, [place]];
  const named = groups.flat();
  const left = Array.from({ length: count }, (_, at) => at).filter((at) => !named.includes(at));
  const auto = left.length === 1;
  return { groups: auto ? [...groups, left] : groups, tied: false, auto, before: ranking };
}

function withTie(ranking, count) {
  const [last, ...others] = ranking.groups.toReversed();
  if (!last) return ranking;
  if (!isWhole(ranking, count)) return { ...ranking, tied: !ranking.tied, before: ranking };
  if (!ranking.auto) return ranking;
  const [next, ...better] = others;
  return { groups: [...better.toReversed(), together(next, last)], tied: false, auto: false, before: ranking };
}

function pressed(ranking, key, count) {
  if (key === 'Backspace') return ranking.before ?? ranking;
  if (key === '=') return withTie(ranking, count);
  if (key === '>') return ranking.tied ? { ...ranking, tied: false, before: ranking } : ranking;
  if (key === '0') return { groups: [Array.from({ length: count }, (_, at) => at)], tied: false, auto: false, before: ranking };
  const place = placeOf(key, count);
  return place < 0 ? ranking : withAnswer(ranking, place, count);
}
`;
