import type { Json } from '../files.js';
import { formatBytes, formatNumber, formatSeconds, words } from './format.js';
import { html, nothing } from './markup.js';
import type { Html } from './markup.js';
import type { Lineage, Spec } from './records.js';

/** Branches of a JSON value as paths and their leaves; lists of plain values are leaves. */
export function leaves(value: Json, path = ''): [path: string, leaf: string][] {
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  if (value === null) return [[path, 'none']];
  if (typeof value === 'number') return [[path, formatNumber(value)]];
  if (typeof value !== 'object') return [[path, String(value)]];
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== 'object' || item === null);
    if (plain) return [[path, value.length === 0 ? 'none' : value.map(String).join(', ')]];
    return value.flatMap((item: Json, index) => leaves(item, below(String(index))));
  }
  return Object.entries(value).flatMap(([key, item]) => leaves(item, below(key)));
}

const pair = ([label, value]: readonly [string, string]): Html =>
  html`<dt>${words(label)}</dt>
    <dd>${value}</dd>`;

/** The config in groups, one for each of its top names, and the whole as JSON to copy. */
export function configHtml(config: Readonly<Record<string, Json>>): Html {
  const groups = Object.entries(config).map(([name, value]) => {
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    const rows = isGroup ? leaves(value) : leaves(value, name);
    return html`<div>
      ${isGroup ? html`<h3>${words(name)}</h3>` : nothing}
      <dl>${rows.map(pair)}</dl>
    </div>`;
  });
  return html`<div class="config">${groups}</div>
    <details>
      <summary>As JSON</summary>
      <pre>${JSON.stringify(config, undefined, 2)}</pre>
    </details>`;
}

/** Every stage's artifact, what it was made from, by which code and in how many seconds. */
export function lineageHtml(lineage: Lineage): Html {
  const makers = new Map(lineage.stages.map(({ artifact, stage }) => [artifact, stage]));
  const short = (hash: string): Html => html`<span class="hash" title="${hash}">${hash.slice(0, 12)}</span>`;
  const rows = lineage.stages.map(({ stage, artifact, kind, parents, code, numericClass, cached, seconds }) => {
    const from = parents.map((parent) => makers.get(parent) ?? parent.slice(0, 12)).join(', ');
    const time = cached ? html`<span class="soft">from the store</span>` : html`${formatSeconds(seconds)}`;
    return html`<tr>
      <th scope="row">${stage}</th>
      <td>${kind}</td>
      <td>${short(artifact)}</td>
      <td>${from === '' ? '–' : from}</td>
      <td>${short(code)}</td>
      <td>${numericClass}</td>
      <td class="number">${time}</td>
    </tr>`;
  });
  const names = ['stage', 'kind', 'artifact', 'made from', 'code', 'numeric class'];
  return html`<p class="lead">
      Equal hashes mean equal contents: a stage runs again only when something it read has changed.
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="Lineage">
      <table>
        <thead>
          <tr>
            ${names.map((name) => html`<th scope="col">${name}</th>`)}
            <th scope="col" class="number">time</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
}

function environmentRows(name: string, value: Json): [label: string, value: string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, item]) => environmentRows(`${name}.${key}`, item));
  }
  const label = name.split('.').map(words).join(' · ');
  if (typeof value === 'number' && /(^|\.)(memory|\w*Bytes)$/.test(name))
    return [[label.replace(/ bytes$/, ''), formatBytes(value)]];
  return leaves(value).map(([, leaf]) => [label, leaf]);
}

/** The machine and the versions, as the run wrote them down. */
export function environmentHtml(environment: Readonly<Record<string, Json>>): Html {
  const rows = Object.entries(environment).flatMap(([name, value]) => environmentRows(name, value));
  return html`<dl class="pairs">${rows.map(pair)}</dl>`;
}

/** A word as a shell takes it literally. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The config as `--set path=value`, one for each value. */
function settings(value: Json, path: string): string[] {
  const branch = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!branch) return [`--set ${quoted(`${path}=${JSON.stringify(value)}`)}`];
  return Object.entries(value).flatMap(([key, item]) => settings(item, path === '' ? key : `${path}.${key}`));
}

/** The command that makes this run again, and what may then be expected to be equal. */
export function reproduceHtml(spec: Spec): Html {
  const file = spec.file === undefined ? '<the file of the experiment>' : quoted(spec.file);
  const command = `npx trainbook run ${file} --seed ${spec.seed}`;
  const whole = [command, ...settings(spec.config, '')].join(' \\\n  ');
  return html`<pre>${command}</pre>
    <p>
      On the same machine with the same engine, the weights come out with the same hashes. On another machine the
      numbers agree within the tolerance of floating-point arithmetic. The code of the experiment had the hash
      <span class="hash">${spec.code.slice(0, 12)}</span>.
    </p>
    <details>
      <summary>With every value given, should the defaults have changed since</summary>
      <pre>${whole}</pre>
    </details>`;
}
