import { rankingKeys } from './ranking-keys.js';

/**
 * What the page of rankings does in the browser: shows the answers of a sample side by side, takes a ranking by keys or clicks, sends it
 * when it is whole, and goes on only when it is written down; until then it stays on the page. Answers are made of text nodes alone.
 * Written for the browser, hence as text.
 */
export const labelScript = `
${rankingKeys}
const $ = (id) => document.getElementById(id);
const texts = JSON.parse($('words').textContent);
const chosen = navigator.languages.map((name) => name.slice(0, 2)).find((name) => texts[name]) ?? 'en';
let words = texts[chosen];
let state, task, ranking = emptyRanking, busy = false, raw = false;
let seen = 0, since = performance.now(); // milliseconds that the sample was before the eyes, and since when it is

const put = (tag, className, ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
};
const spans = (list) => list.map(({ text, style }) => (style ? put(style, '', text) : text));
const block = (one) => {
  if (one.kind === 'code') {
    const code = put('pre', '', put('code', '', one.text));
    code.tabIndex = 0;
    if (one.language) code.dataset.language = one.language;
    return code;
  }
  if (one.kind === 'list') {
    const list = put(one.start === null ? 'ul' : 'ol', '', ...one.items.map((item) => put('li', '', ...item.map(block))));
    if (one.start !== null) list.start = one.start;
    return list;
  }
  if (one.kind === 'quote') return put('blockquote', '', ...one.blocks.map(block));
  if (one.kind === 'rule') return put('hr');
  if (one.kind === 'table') {
    return put('div', 'scroll', put('table', '', ...one.rows.map((cells, at) => put('tr', '', ...cells.map((cell) => put(at === 0 ? 'th' : 'td', '', ...spans(cell)))))));
  }
  return put('p', one.kind === 'heading' ? 'heading' : '', ...spans(one.spans));
};
const shown = ({ text, blocks }) => {
  const made = raw ? put('div', 'text raw', text) : put('div', 'text', ...blocks.map(block));
  if (task.language) made.lang = task.language;
  return made;
};

const translate = (language) => {
  words = texts[language];
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : language;
  for (const place of document.querySelectorAll('[data-word]')) place.textContent = words[place.dataset.word];
  for (const place of document.querySelectorAll('[data-reason]')) place.textContent = words.reasons[place.dataset.reason];
  $('other').placeholder = words.other;
  $('language').value = language;
  if (state) { fill(); draw(); }
};

function fill() {
  if (!task) { $('prompt').replaceChildren(); $('answers').replaceChildren(); return; }
  $('prompt').replaceChildren(...task.prompt.map((turn) => put('div', 'turn ' + turn.role, put('b', 'role', words[turn.role]), shown(turn))));
  $('answers').replaceChildren(...task.answers.map((answer, place) => {
    const head = put('button', 'head', put('kbd', 'letter', letterOf(place)), put('span', 'rank'));
    head.type = 'button';
    head.setAttribute('aria-label', words.answer.replace('{letter}', letterOf(place)));
    head.addEventListener('click', () => press(letterOf(place)));
    const body = shown(answer);
    const made = put('section', 'answer', head, body);
    made.addEventListener('click', ({ target }) => {
      if (!head.contains(target) && getSelection().isCollapsed && !target.closest('pre')) press(letterOf(place));
    });
    return made;
  }));
}

const asText = (groups) => groups.map((group) => group.map(letterOf).join(' = ')).join(' > ');

function draw() {
  $('progress').max = Math.max(1, state.count);
  $('progress').value = state.done;
  $('count').textContent = words.count.replace('{done}', state.done).replace('{count}', state.count);
  document.title = state.done + ' / ' + state.count + ' · ' + words.title;
  $('who').textContent = state.annotator;
  $('undo').disabled = !state.canUndo;
  $('done').hidden = Boolean(task);
  $('judging').hidden = $('skip').hidden = $('raw').hidden = $('keys').hidden = !task;
  $('raw').setAttribute('aria-pressed', String(raw));
  if (!task) { $('question').textContent = words.title; $('dimensions').replaceChildren(); return; }
  const several = state.dimensions.length > 1;
  const isUsual = task.dimension === 'preference';
  $('question').textContent = isUsual ? words.question : words.questionIn.replace('{dimension}', task.dimension);
  $('dimensions').hidden = !several;
  $('dimensions').replaceChildren(...state.dimensions.map((name) => {
    const said = task.judged[name];
    const made = put('li', '', name, ...(said ? [put('span', 'said', asText(said))] : []));
    if (name === task.dimension) made.setAttribute('aria-current', 'step');
    return made;
  }));
  const count = task.answers.length;
  const whole = isWhole(ranking, count);
  const chips = ranking.groups.flatMap((group, rank) => group.flatMap((place, at) => {
    const sign = at > 0 ? ['='] : rank > 0 ? ['>'] : [];
    return [...sign.map((each) => put('span', 'sign', each)), put('span', 'chip', letterOf(place))];
  }));
  if (!whole && ranking.groups.length > 0) chips.push(put('span', 'sign', ranking.tied ? '=' : '>'), put('span', 'chip open', '?'));
  $('ranking').replaceChildren(...(chips.length > 0 ? chips : [put('span', 'empty', matchMedia('(hover: none)').matches ? words.emptyTouch : words.empty)]));
  $('ranking').setAttribute('aria-label', asText(ranking.groups) + (ranking.tied ? ', ' + words.tieNext : ''));
  [...$('answers').children].forEach((section, place) => {
    const rank = ranking.groups.findIndex((group) => group.includes(place));
    section.classList.toggle('ranked', rank >= 0);
    section.classList.toggle('best', rank === 0);
    section.querySelector('.rank').textContent = rank < 0 ? '' : words.rank.replace('{rank}', rank + 1);
  });
  $('save').disabled = !whole;
  $('tie').disabled = ranking.groups.length === 0 || (whole && !ranking.auto);
  $('tie').setAttribute('aria-pressed', String(ranking.tied));
  $('erase').disabled = ranking.before === null;
}

const ask = async (path, body) => {
  const answer = await fetch(path, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
};
const say = (error) => {
  $('trouble').textContent = error ? words.trouble + ' ' + error.message + (ranking.groups.length > 0 ? '\\n' + words.kept : '') : '';
  $('trouble').hidden = !error;
};
const seconds = () => (seen + (document.hidden ? 0 : performance.now() - since)) / 1000;

function take(next) {
  const isSame = next.task && task && next.task.sample === task.sample;
  state = next;
  task = next.task;
  ranking = task ? rankingOf(task.draft) : emptyRanking;
  seen = 0;
  since = performance.now();
  closeSkip();
  if (!isSame) { fill(); scrollTo(0, 0); }
  draw();
}
const whileBusy = async (path, body) => {
  if (busy) return;
  busy = true;
  try { take(await ask(path, body)); say(); } catch (error) { say(error); } finally { busy = false; }
};
const save = () => {
  if (!task || !isWhole(ranking, task.answers.length)) return;
  whileBusy('judge', { sample: task.sample, dimension: task.dimension, groups: ranking.groups, seconds: seconds() });
};
const skip = (reason) => {
  if (task && reason.trim()) whileBusy('skip', { sample: task.sample, reason: reason.trim(), seconds: seconds() });
};
const undo = () => { if (state.canUndo) whileBusy('undo', {}); };
function press(key) {
  if (!task || busy) return;
  ranking = pressed(ranking, key, task.answers.length);
  draw();
}
const openSkip = () => { if (task) { $('skipping').hidden = false; $('acts').hidden = true; $('why').focus(); } };
function closeSkip() { $('skipping').hidden = true; $('acts').hidden = false; $('other').value = ''; }
const toggleRaw = () => { raw = !raw; fill(); draw(); };

document.addEventListener('visibilitychange', () => {
  if (document.hidden) seen += performance.now() - since;
  since = performance.now();
});
addEventListener('beforeunload', (event) => { if (!$('trouble').hidden && ranking.groups.length > 0) event.preventDefault(); });
// A click leaves the keys to the page: Enter then saves, and does not click again.
addEventListener('click', ({ detail, target }) => { if (detail > 0) target.closest('button')?.blur(); });
const onClick = { save, undo, skip: openSkip, raw: toggleRaw, tie: () => press('='), equal: () => press('0'), erase: () => press('Backspace'), cancel: closeSkip, send: () => skip($('other').value) };
for (const [id, act] of Object.entries(onClick)) $(id).addEventListener('click', act);
for (const place of document.querySelectorAll('[data-reason]')) place.closest('button').addEventListener('click', () => skip(texts.en.reasons[place.dataset.reason]));
$('language').addEventListener('change', ({ target }) => translate(target.value));

const keys = { Enter: save, s: openSkip, z: undo, m: toggleRaw };
addEventListener('keydown', (event) => {
  const { key, target } = event;
  if (!state || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || target.tagName === 'SELECT') return;
  const name = key.length === 1 ? key.toLowerCase() : key;
  const isTyping = target.tagName === 'INPUT';
  if (!$('skipping').hidden) {
    if (key === 'Escape') closeSkip();
    else if (isTyping && key === 'Enter') skip(target.value);
    else if (!isTyping && texts.en.reasons[Number(key) - 1]) skip(texts.en.reasons[Number(key) - 1]);
    else return;
  } else if (isTyping || event.repeat || (key === 'Enter' && target.tagName === 'BUTTON')) return;
  else if (keys[name]) keys[name]();
  else if (task && (key === 'Backspace' || (key.length === 1 && '=>0123456789abcdefghi'.includes(name)))) press(key);
  else return;
  event.preventDefault();
});
(async () => {
  try { state = await ask('state'); task = state.task; ranking = task ? rankingOf(task.draft) : emptyRanking; since = performance.now(); translate(chosen); } catch (error) { say(error); }
})();
`;
