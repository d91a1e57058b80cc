import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareText } from '../document.js';

// `*` any characters within a name, `?` one, `**` any folders, `{a,b}` one of several. Names that begin with a dot are found
// only by patterns that begin with a dot. (`fs.glob` needs Node 22.)

export function isGlob(pattern: string): boolean {
  return /[*?{]/.test(pattern);
}

/** The files that match, in the order of their paths. `a/*.jsonl.gz` → [`a/0.jsonl.gz`, `a/1.jsonl.gz`]. */
export async function expandGlob(pattern: string): Promise<readonly string[]> {
  const segments = pattern.replaceAll('\\', '/').split('/');
  const rooted = segments[0] === '' ? '/' : /^[A-Za-z]:$/.test(segments[0] ?? '') ? `${segments[0] ?? ''}/` : undefined;
  const found = await walk(rooted ?? '', rooted === undefined ? segments : segments.slice(1));
  return [...new Set(found)].sort(compareText);
}

/** All files below a folder, hidden ones left out. */
export function filesBelow(folder: string): Promise<readonly string[]> {
  return expandGlob(`${folder.replace(/[\\/]+$/, '')}/**/*`);
}

/** Whether a path (with `/`) is one that the pattern finds. */
export function matchesGlob(path: string, pattern: string): boolean {
  const source = pattern
    .replaceAll('\\', '/')
    .split('/')
    .map((segment) => (segment === '**' ? '(?:[^/]+/)*' : `${segmentSource(segment)}/`))
    .join('');
  return new RegExp(`^${source}$`, 'u').test(`${path}/`);
}

async function walk(folder: string, segments: readonly string[]): Promise<string[]> {
  const [segment, ...rest] = segments;
  if (segment === undefined) return [];
  if (!isGlob(segment) && rest.length > 0) return walk(folder === '' ? segment : join(folder, segment), rest);
  const pattern = segment === '**' ? /^[^.]/u : new RegExp(`^${segmentSource(segment)}$`, 'u');
  const found = segment === '**' ? await walk(folder, rest) : [];
  const entries = await readdir(folder === '' ? '.' : folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!pattern.test(entry.name) || (entry.name.startsWith('.') && !segment.startsWith('.'))) continue;
    const path = folder === '' ? entry.name : join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await walk(path, segment === '**' ? segments : rest)));
    else if (rest.length === 0) found.push(path);
  }
  return found;
}

function segmentSource(segment: string): string {
  return segment
    .replace(/[.+^$()|[\]\\]/gu, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
    .replace(/\{([^{}]*)\}/gu, (_, options: string) => `(?:${options.replaceAll(',', '|')})`);
}
