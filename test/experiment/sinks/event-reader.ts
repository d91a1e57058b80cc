import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readFields } from '../../../src/experiment/sinks/tensorboard/protobuf.js';
import type { Field } from '../../../src/experiment/sinks/tensorboard/protobuf.js';
import { readRecords } from '../../../src/experiment/sinks/tensorboard/records.js';

export interface SeenEvent {
  readonly time: number;
  readonly step: number;
  readonly version?: string;
  readonly isStart?: boolean;
  readonly tag?: string;
  readonly value?: number;
  readonly text?: string;
  readonly plugin?: string;
  readonly content?: Buffer;
}

const bytesOf = (fields: readonly Field[], field: number): Buffer | undefined => {
  const found = fields.find((each) => each.field === field);
  return found !== undefined && 'bytes' in found ? found.bytes : undefined;
};
const integerOf = (fields: readonly Field[], field: number): number => {
  const found = fields.find((each) => each.field === field);
  return found !== undefined && 'integer' in found ? Number(found.integer) : 0;
};

/** An event of `tensorboard/compat/proto/event.proto`, as far as ours go. */
export function parseEvent(bytes: Buffer): SeenEvent {
  const event = readFields(bytes);
  const base = { time: bytesOf(event, 1)?.readDoubleLE() ?? 0, step: integerOf(event, 2) };
  const version = bytesOf(event, 3);
  if (version !== undefined) return { ...base, version: version.toString() };
  const session = bytesOf(event, 7);
  if (session !== undefined) return { ...base, isStart: integerOf(readFields(session), 1) === 1 };
  const summary = bytesOf(event, 5);
  const value = summary === undefined ? undefined : bytesOf(readFields(summary), 1);
  if (value === undefined) return base;
  const fields = readFields(value);
  const tag = bytesOf(fields, 1)?.toString() ?? '';
  const metadata = bytesOf(fields, 9);
  const tensor = bytesOf(fields, 8);
  if (metadata === undefined || tensor === undefined)
    return { ...base, tag, value: bytesOf(fields, 2)?.readFloatLE() ?? 0 };
  const data = readFields(bytesOf(readFields(metadata), 1) ?? Buffer.alloc(0));
  const text = bytesOf(readFields(tensor), 8)?.toString();
  const plugin = bytesOf(data, 1)?.toString() ?? '';
  return {
    ...base,
    tag,
    plugin,
    content: bytesOf(data, 2) ?? Buffer.alloc(0),
    ...(text === undefined ? {} : { text }),
  };
}

/** The events of a folder's own files, in the order of the files' names, as TensorBoard reads them. */
export async function readEvents(folder: string): Promise<SeenEvent[]> {
  const events: SeenEvent[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!name.includes('tfevents')) continue;
    const file = await readFile(join(folder, name));
    const { records, bytes } = readRecords(file);
    if (bytes !== file.length) throw new Error(`${name}: ${file.length - bytes} bytes are no record`);
    events.push(...records.map(parseEvent));
  }
  return events;
}

/** `[step, value]` of a tag, as TensorBoard shows them: a second start of the session forgets its step and later ones. */
export async function readScalars(folder: string, tag: string): Promise<[number, number][]> {
  let shown: [number, number][] = [];
  let numStarts = 0;
  for (const event of await readEvents(folder)) {
    if (event.isStart === true && numStarts++ > 0) shown = shown.filter(([step]) => step < event.step);
    if (event.tag === tag && event.value !== undefined) shown.push([event.step, event.value]);
  }
  return shown;
}

export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
