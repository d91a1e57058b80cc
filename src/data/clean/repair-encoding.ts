import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { decodeEntities } from './html-entities.js';
import { repairControls, repairGbk, repairLostBytes, repairUtf8, repairUtf8AsGbk } from './mojibake.js';
import type { Repaired } from './mojibake.js';

export interface RepairEncodingOptions {
  /** Replaces references such as `&eacute;` in lines without `<`. Default true. */
  readonly entities?: boolean;
}

/** In this order, until none changes anything: what was encoded twice is repaired twice. */
const repairs: readonly { readonly name: string; readonly repair: (text: string) => Repaired }[] = [
  { name: 'GBK read as Windows-1252', repair: repairGbk },
  { name: 'UTF-8 read as Windows-1252', repair: repairUtf8 },
  { name: 'lost bytes', repair: repairLostBytes },
  { name: 'UTF-8 read as GBK', repair: repairUtf8AsGbk },
  { name: 'Windows-1252 read as Latin-1', repair: repairControls },
];
/** Five encodings on top of one another are more than was ever met. */
const MOST_ROUNDS = 5;

/**
 * Repairs texts that were read in another encoding than they were written in (mojibake): UTF-8 read as Windows-1252, Latin-1 or GBK, also several
 * times over; GBK read as Windows-1252; Windows-1252 read as Latin-1; and references of HTML. In the manner of ftfy (R. Speer, ftfy, 2019, Zenodo
 * 2591652): a stretch is read again only if it is right to the byte in the other encoding and looks as no right text does. What is right stays.
 *
 * @example
 * await load('old.jsonl').through(repairEncoding(), normalise());
 */
export function repairEncoding(options: RepairEncodingOptions = {}): LocalStep {
  return localStep(
    'repair encoding',
    (document): Verdict => {
      const { text, changes } = repairText(document.text, options);
      return text === document.text ? { keep: document } : { keep: { ...document, text }, changes };
    },
    { module: import.meta.url, name: 'repairEncoding', options: [options] },
  );
}

/**
 * The text as it was meant, and how often each repair mended something.
 *
 * @example
 * repairText('schÃ¶n &amp; gut');   // { text: 'schön & gut', changes: { 'HTML entities': 1, 'UTF-8 read as Windows-1252': 1 } }
 */
export function repairText(
  text: string,
  { entities = true }: RepairEncodingOptions = {},
): { readonly text: string; readonly changes: Readonly<Record<string, number>> } {
  const changes: Record<string, number> = {};
  const note = (name: string, { text: repaired, count }: Repaired): string => {
    if (count > 0) changes[name] = (changes[name] ?? 0) + count;
    return repaired;
  };
  let current = text;
  for (let round = 0, before = ''; round < MOST_ROUNDS && current !== before; round++) {
    before = current;
    if (entities && current.includes('&')) current = note('HTML entities', decodeByLine(current));
    if (!/[\u0080-\uffff]/u.test(current)) continue;
    for (const { name, repair } of repairs) current = note(name, repair(current));
  }
  return { text: current, changes };
}

/** Lines with `<` may be markup, in which a reference is as it should be. */
function decodeByLine(text: string): Repaired {
  let count = 0;
  const lines = text.split('\n').map((line) => {
    if (line.includes('<')) return line;
    const decoded = decodeEntities(line);
    count += decoded.count;
    return decoded.text;
  });
  return { text: lines.join('\n'), count };
}
