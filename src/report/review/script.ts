/**
 * What the page of a review does in the browser: shows one document after the other with what the rule met marked, takes y, n, u
 * and z, sends each judgement at once and goes on only when it is written down. Written for the browser, hence as text.
 */
export const reviewScript = `
const $ = (id) => document.getElementById(id);
const texts = JSON.parse($('words').textContent);
const chosen = navigator.languages.map((name) => name.slice(0, 2)).find((name) => texts[name]) ?? 'en';
let words = texts[chosen];
let state, at = 0, item, busy = false;
const undo = [];

const translate = (language) => {
  words = texts[language];
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : language;
  for (const place of document.querySelectorAll('[data-word]')) place.textContent = words[place.dataset.word].replace('{rule}', state?.rule ?? '');
  $('language').value = language;
  if (state) draw();
};
const percent = (share) => (100 * share).toFixed(1) + '%';
const interval = (found) => (found ? percent(found.value) + ' (' + (100 * found.low).toFixed(1) + '–' + (100 * found.high).toFixed(1) + ')' : '—');

function draw() {
  const judged = Object.keys(state.judgements).length;
  $('progress').max = state.count;
  $('progress').value = judged;
  $('count').textContent = words.count.replace('{judged}', judged).replace('{count}', state.count);
  $('precision').textContent = interval(state.scores.precision);
  $('recall').textContent = interval(state.scores.recall);
  const done = judged === state.count;
  $('done').hidden = !done;
  if (!item) return;
  $('number').textContent = words.number.replace('{number}', at + 1);
  $('about').textContent = [item.title, item.source, item.language].filter(Boolean).join(' · ');
  $('note').textContent = item.note ?? '';
  $('note').hidden = !item.note;
  const said = state.judgements[at];
  for (const button of document.querySelectorAll('[data-judgement]')) button.setAttribute('aria-pressed', String(button.dataset.judgement === said));
  $('back').disabled = at === 0;
  $('next').disabled = at === state.count - 1;
  $('undo').disabled = undo.length === 0;
}

function fill(text) {
  const place = $('text');
  place.replaceChildren();
  if (item.language) place.lang = item.language; else place.removeAttribute('lang');
  let from = 0;
  for (const span of item.spans) {
    place.append(text.slice(from, span.from));
    const mark = document.createElement('mark');
    mark.textContent = text.slice(span.from, span.to);
    place.append(mark);
    from = span.to;
  }
  place.append(text.slice(from));
  place.scrollTop = 0;
  const first = place.querySelector('mark');
  if (first) place.scrollTop = Math.max(0, first.offsetTop - place.clientHeight / 3);
}

const ask = async (path, body) => {
  const answer = await fetch(path, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const say = (error) => {
  $('trouble').textContent = error ? words.trouble + ' ' + error.message : '';
  $('trouble').hidden = !error;
};
const whileBusy = async (task) => {
  if (busy) return;
  busy = true;
  try { await task(); say(); } catch (error) { say(error); } finally { busy = false; }
};

async function show(number) {
  const found = await ask('item?number=' + number);
  at = number;
  item = found;
  fill(found.text);
  draw();
}
const nextOpen = (from) => {
  for (let step = 1; step <= state.count; step++) {
    const number = (from + step) % state.count;
    if (!(number in state.judgements)) return number;
  }
  return from;
};
const judge = (judgement) => whileBusy(async () => {
  const judged = at;
  state = await ask('judge', { number: judged, judgement });
  undo.push(judged);
  draw();
  await show(nextOpen(judged));
});
const takeBack = () => whileBusy(async () => {
  const last = undo.at(-1);
  if (last === undefined) return;
  state = await ask('judge', { number: last, judgement: null });
  undo.pop();
  await show(last);
});
const go = (by) => whileBusy(async () => {
  const number = at + by;
  if (number >= 0 && number < state.count) await show(number);
});

for (const button of document.querySelectorAll('[data-judgement]')) button.addEventListener('click', () => judge(button.dataset.judgement));
$('undo').addEventListener('click', takeBack);
$('back').addEventListener('click', () => go(-1));
$('next').addEventListener('click', () => go(1));
$('language').addEventListener('change', ({ target }) => translate(target.value));
const keys = { y: () => judge('yes'), n: () => judge('no'), u: () => judge('unsure'), z: takeBack, ArrowLeft: () => go(-1), ArrowRight: () => go(1) };
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.tagName === 'SELECT') return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
whileBusy(async () => {
  state = await ask('state');
  translate(chosen);
  await show(nextOpen(state.count - 1));
});
`;
