import type { Json } from '../../files.js';
import { formatBytes, words } from '../format.js';
import { leaves } from './config.js';
import { section } from './document.js';
import type { Section } from './document.js';

function rows(name: string, value: Json): [label: string, value: string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, item]) => rows(`${name}.${key}`, item));
  }
  const label = name.split('.').map(words).join(' · ');
  if (typeof value === 'number' && /(^|\.)(memory|\w*Bytes)$/.test(name)) {
    return [[label.replace(/ bytes$/, ''), formatBytes(value)]];
  }
  return leaves(value).map(([, leaf]) => [label, leaf]);
}

/** The machine and the versions, as the run wrote them down. */
export function environment(recorded: Readonly<Record<string, Json>>): Section[] {
  const facts = Object.fromEntries(Object.entries(recorded).flatMap(([name, value]) => rows(name, value)));
  if (Object.keys(facts).length === 0) return [];
  return section('environment', 'Environment', [
    { kind: 'facts', id: 'environment', title: 'Environment', facts, shape: 'list' },
  ]);
}
