import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Part } from './tokenizer-json.js';
import type { Framed } from './tokenizer.js';

type Frame = (first: readonly number[], second?: readonly number[]) => Framed;

const placed = z.union([
  z.looseObject({ SpecialToken: z.looseObject({ id: z.string(), type_id: z.int() }) }),
  z.looseObject({ Sequence: z.looseObject({ id: z.enum(['A', 'B']), type_id: z.int() }) }),
]);
const template = z.looseObject({
  single: z.array(placed),
  pair: z.array(placed),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(z.int().nonnegative()) })),
});
const tokenAndId = z.tuple([z.string(), z.int().nonnegative()]);
const ends = z.looseObject({ cls: tokenAndId, sep: tokenAndId });

/**
 * The frame of a tokenizer.json's `post_processor`: the special tokens around one text or two.
 *
 * @throws TrainbookError for a kind that is not known.
 */
export function frameOf(part: Part | null | undefined): Frame {
  const parts = part?.type === 'Sequence' ? (part['processors'] as Part[]) : part == null ? [] : [part];
  // ByteLevel only moves the ends of tokens in the text, which are not kept here.
  const framing = parts.filter(({ type }) => type !== 'ByteLevel');
  if (framing.length > 1) throw unknown(part);
  const [only] = framing;
  if (only === undefined) return joined;
  const frame = frames[only.type]?.(only);
  if (frame === undefined) throw unknown(only);
  return frame;
}

const joined: Frame = (first, second = []) => ({
  ids: [...first, ...second],
  types: [...first.map(() => 0), ...second.map(() => 1)],
});

const frames: Readonly<Record<string, (part: Part) => Frame | undefined>> = {
  TemplateProcessing: (part) => {
    const parsed = template.safeParse(part);
    if (!parsed.success) return undefined;
    const { single, pair, special_tokens: special } = parsed.data;
    return (first, second) => {
      const framed: Framed = { ids: [], types: [] };
      for (const place of second === undefined ? single : pair) {
        if ('SpecialToken' in place) {
          const { id, type_id: type } = place.SpecialToken as { id: string; type_id: number };
          append(framed, special[id]?.ids ?? [], type);
        } else {
          const { id, type_id: type } = place.Sequence as { id: 'A' | 'B'; type_id: number };
          append(framed, id === 'A' ? first : (second ?? []), type);
        }
      }
      return framed;
    };
  },
  /** `[CLS] a [SEP]`, `[CLS] a [SEP] b [SEP]` */
  BertProcessing: (part) =>
    between(part, (a, b, cls, sep) => [
      [[cls, ...a, sep], 0],
      [b === undefined ? [] : [...b, sep], 1],
    ]),
  /** `<s> a </s>`, `<s> a </s></s> b </s>`: one type for all */
  RobertaProcessing: (part) =>
    between(part, (a, b, cls, sep) => [
      [[cls, ...a, sep], 0],
      [b === undefined ? [] : [sep, ...b, sep], 0],
    ]),
};

function between(
  part: Part,
  lay: (a: readonly number[], b: readonly number[] | undefined, cls: number, sep: number) => [number[], number][],
): Frame | undefined {
  const parsed = ends.safeParse(part);
  if (!parsed.success) return undefined;
  const [cls, sep] = [parsed.data.cls[1], parsed.data.sep[1]];
  return (first, second) => {
    const framed: Framed = { ids: [], types: [] };
    for (const [ids, type] of lay(first, second, cls, sep)) append(framed, ids, type);
    return framed;
  };
}

function append({ ids, types }: Framed, more: readonly number[], type: number): void {
  for (const id of more) {
    ids.push(id);
    types.push(type);
  }
}

function unknown(part: Part | null | undefined): TrainbookError {
  return new TrainbookError({
    what: 'the tokenizer’s post_processor is not one that is known here',
    received: JSON.stringify(part).slice(0, 300),
    expected: 'TemplateProcessing, BertProcessing, RobertaProcessing or ByteLevel',
  });
}
