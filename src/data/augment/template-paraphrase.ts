// How do I block my card?  is of the form  how do I {action}?  and becomes  What is the best way to block my card?
import { TrainbookError } from '../../error.js';
import { chosen, oneByOne } from './augmenter.js';
import type { Augmenter } from './augmenter.js';

/** Forms of one meaning, with the same slots `{name}` in each. */
export type Forms = readonly [string, string, ...string[]];

/** Forms of questions, requests and thanks, in English and Chinese. */
export const everydayForms: readonly Forms[] = [
  [
    'how do I {action}?',
    'how can I {action}?',
    'what is the best way to {action}?',
    'what do I have to do to {action}?',
  ],
  ['why did {event}?', 'what is the reason that {event}?'],
  ['please {action}.', 'could you {action}, please?', 'I would like you to {action}.'],
  ['I want to {action}.', 'I would like to {action}.', 'my wish is to {action}.'],
  ['thank you for {thing}.', 'thanks for {thing}.', 'many thanks for {thing}.'],
  ['怎么{做}？', '如何{做}？', '怎样才能{做}？'],
  ['请{做}。', '麻烦你{做}。', '能不能帮我{做}？'],
  ['我想{做}。', '我希望能{做}。', '我打算{做}。'],
  ['什么是{物}？', '{物}是什么？', '请解释一下{物}。'],
  ['谢谢你的{物}。', '多谢你的{物}。', '感谢你的{物}。'],
];

/** A form ready to be found: where its slots are. */
interface Form {
  readonly pattern: RegExp;
  readonly form: string;
}

const slot = /\{([^{}]+)\}/gu;

/**
 * Says the same in another form: a text that fits a form as a whole (`how do I {action}?`, whatever the case) is put into another form of the
 * same meaning, with what stood in the slots. Of several groups the first that fits counts. Full stops and question marks at the end,
 * Latin and Chinese, are taken for each other, or may be left out.
 *
 * @throws TrainbookError if the forms of a group have not the same slots, or none.
 * @example
 * const more = await augment(train, [templateParaphrase([['where is {place}?', 'how do I get to {place}?']])], { seed: 42 });
 */
export function templateParaphrase(groups: readonly Forms[] = everydayForms): Augmenter {
  const parsed = groups.map(parseForms);
  return oneByOne('template', ({ text, key }) => {
    for (const forms of parsed) {
      const fitting = forms.find(({ pattern }) => pattern.test(text));
      if (fitting === undefined) continue;
      const found = fitting.pattern.exec(text)?.slice(1) ?? [];
      const filled = new Map(slotsOf(fitting.form).map((name, index) => [name, found[index] ?? '']));
      const others = forms.filter((other) => other !== fitting);
      const { form = '' } = chosen(others, key) ?? {};
      const made = form.replace(slot, (_, name: string) => filled.get(name) ?? '');
      const startsLarge = /^\s*\p{Lu}/u.test(text);
      return startsLarge ? made.replace(/^\p{Ll}/u, (first) => first.toUpperCase()) : made;
    }
    return undefined;
  });
}

function parseForms(forms: Forms): readonly Form[] {
  const names = forms.map((form) => slotsOf(form).toSorted().join(', '));
  const differs = names.findIndex((own, index) => own !== names[0] || own === '' || hasTwice(forms[index] ?? ''));
  if (differs >= 0 || forms.length < 2) {
    throw new TrainbookError({
      what: 'templateParaphrase: these forms cannot stand for each other',
      received: forms.join(' | '),
      expected: 'at least two forms, each with the same slots once, such as {action}',
    });
  }
  return forms.map((form) => ({ form, pattern: patternOf(form) }));
}

function patternOf(form: string): RegExp {
  const bare = form.replace(/[.?!。？！]$/u, '');
  const parts = bare.split(slot).map((part, index) => {
    if (index % 2 === 1) return String.raw`(\S(?:.*\S)?)`;
    return part.replace(/[\\^$.*+?()[\]{}|]/gu, String.raw`\$&`).replace(/\s+/gu, String.raw`\s+`);
  });
  return new RegExp(String.raw`^\s*${parts.join('').trim()}(?<![.?!。？！])\s*[.?!。？！]?\s*$`, 'iu');
}

const slotsOf = (form: string): string[] => [...form.matchAll(slot)].map(([, name = '']) => name);

const hasTwice = (form: string): boolean => new Set(slotsOf(form)).size < slotsOf(form).length;
