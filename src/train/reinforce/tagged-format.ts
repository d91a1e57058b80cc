import { TrainbookError } from '../../error.js';

/** A text of sections between tags: `<think>…</think><answer>…</answer>`. */
export interface TaggedFormat<Tag extends string> {
  readonly tags: readonly Tag[];
  /** What stands between the tags, without the white space at its ends; `undefined` if the text has another form. */
  read(text: string): Readonly<Record<Tag, string>> | undefined;
}

/**
 * The form of a text that has each of the tags once, in this order, with something in each, and nothing but white space around them. The
 * reasoning format of DeepSeek-R1-Zero (2501.12948) is `taggedFormat('think', 'answer')`.
 *
 * @throws TrainbookError if a tag is not a word, or one is given twice.
 * @example
 * taggedFormat('think', 'answer').read('<think>2 + 2</think><answer>4</answer>')?.answer; // '4'
 */
export function taggedFormat<const Tag extends string>(...tags: readonly Tag[]): TaggedFormat<Tag> {
  const wrong = tags.find((tag, index) => !/^[A-Za-z][\w-]*$/.test(tag) || tags.indexOf(tag) !== index);
  if (wrong !== undefined || tags.length === 0) {
    throw new TrainbookError({
      what: 'taggedFormat: tags must be different words',
      received: tags.length === 0 ? 'none' : tags.join(', '),
      expected: "names such as 'think', 'answer'",
      fix: 'write the names without < and >',
    });
  }
  return {
    tags,
    read: (text) => {
      const sections: [Tag, string][] = [];
      let rest = text.trim();
      for (const tag of tags) {
        const [open, close] = [`<${tag}>`, `</${tag}>`];
        const end = rest.indexOf(close);
        if (!rest.startsWith(open) || end < 0) return undefined;
        const inside = rest.slice(open.length, end);
        if (inside.trim() === '' || tags.some((name) => inside.includes(`<${name}>`) || inside.includes(`</${name}>`)))
          return undefined;
        sections.push([tag, inside.trim()]);
        rest = rest.slice(end + close.length).trimStart();
      }
      return rest === '' ? (Object.fromEntries(sections) as Record<Tag, string>) : undefined;
    },
  };
}
