import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { replaceAtomic } from '../../files.js';
import { BEGIN } from './ngram-model.js';
import type { NgramModel, NgramTable } from './ngram-model.js';

/** N-grams that are written at a time. */
const CHUNK = 4096;

/**
 * Writes a model as ARPA text, gzipped where the name ends in `.gz`: what KenLM, SRILM and others read. Numbers are written so that
 * they are read back as they are.
 *
 * @example
 * await writeArpa(model, 'brown.arpa.gz');
 */
export async function writeArpa(model: NgramModel, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const text = Readable.from(arpaText(model));
  if (!/\.gz$/iu.test(path)) {
    await replaceAtomic(path, text as AsyncIterable<string>);
    return;
  }
  const zipped = createGzip();
  text.on('error', (cause) => zipped.destroy(cause));
  await replaceAtomic(path, text.pipe(zipped) as AsyncIterable<Uint8Array>);
}

// \data\
// ngram 1=5
// ngram 2=4
//
// \1-grams:
// -1.2787536	<unk>	0
// -0.9622112	the	-0.30103
function* arpaText({ order, counts, vocabulary, table }: NgramModel): Generator<string> {
  const head = counts.map((count, index) => `ngram ${index + 1}=${count}\n`);
  yield `\\data\\\n${head.join('')}`;
  const names = [...vocabulary.keys()];
  const { numUnits, keys, values } = table;
  const unitsOf = (place: number): string => {
    if (place < numUnits) return names[place] ?? '';
    const slot = place - numUnits;
    return `${unitsOf(keys[2 * slot] ?? 0)} ${names[keys[2 * slot + 1] ?? 0] ?? ''}`;
  };
  const line = (place: number, ofOrder: number): string => {
    const logProbability = place === BEGIN ? '0' : decimal(values[2 * place] ?? 0);
    const backOff = ofOrder === order ? '' : `\t${decimal(values[2 * place + 1] ?? 0)}`;
    return `${logProbability}\t${unitsOf(place)}${backOff}\n`;
  };
  const places = placesByOrder(table, order);
  for (let ofOrder = 1; ofOrder <= order; ofOrder++) {
    yield `\n\\${ofOrder}-grams:\n`;
    const own = places[ofOrder - 1] ?? [];
    for (let start = 0; start < own.length; start += CHUNK) {
      yield Array.from(own.slice(start, start + CHUNK), (place) => line(place, ofOrder)).join('');
    }
  }
  yield '\n\\end\\\n';
}

/** The places of all n-grams, by order from 1. */
function placesByOrder({ numUnits, numSlots, keys }: NgramTable, order: number): readonly (readonly number[])[] {
  const places: number[][] = Array.from({ length: order }, () => []);
  for (let unit = 0; unit < numUnits; unit++) places[0]?.push(unit);
  for (let slot = 0; slot < numSlots; slot++) {
    if ((keys[2 * slot + 1] ?? -1) < 0) continue;
    let depth = 0;
    for (let place = numUnits + slot; place >= numUnits; place = keys[2 * (place - numUnits)] ?? 0) depth++;
    places[depth]?.push(numUnits + slot);
  }
  return places;
}

/** The shortest of at most 9 digits: enough for a number of 32 bits to come back as it was. */
function decimal(value: number): string {
  return String(Number(value.toPrecision(9)));
}
