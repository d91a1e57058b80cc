import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decontaminate,
  gpt3Decontamination,
  llama3Decontamination,
} from '../../../src/data/deduplicate/decontaminate.js';
import type { DecontaminateOptions } from '../../../src/data/deduplicate/decontaminate.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { load } from '../../../src/data/read/load.js';
import type { Verdict } from '../../../src/data/step.js';

const of = (text: string): Document => document({ text, source: 's', domain: 'd' });
const words = (count: number, mark = 'w'): string =>
  Array.from({ length: count }, (_, index) => `${mark}${index}`).join(' ');
const QUESTION = 'Which of the following bodies of water lies between the islands of Britain and Ireland today';

async function judge(text: string, options: DecontaminateOptions): Promise<Verdict> {
  const [verdict] = await decontaminate(options).judge([of(text)]);
  if (verdict === undefined) throw new Error('no verdict');
  return verdict;
}

describe('decontaminate', () => {
  it('drops what shares a run of n words, whatever case and punctuation, and shows it', async () => {
    const text = `${words(50)} WHICH of the following bodies-of-water lies (between) the islands of Britain; ${words(30, 'v')}`;
    // 13 words of 50 + 13 + 30 are shared.
    expect(await judge(text, { against: { texts: ['Nothing', QUESTION] } })).toEqual({
      drop: 'in the reference',
      like: 'text 1',
      score: 13 / 93,
      evidence: '“WHICH of the following bodies-of-water lies (between) the islands of Britain”',
    });
    expect(await judge(text, { against: { texts: [QUESTION] }, n: 14 })).toEqual({ keep: of(text) });
  });

  it('looks for a shorter reference as a whole, by character in Chinese', async () => {
    const short = 'What is the capital city of France, then?';
    expect(await judge(`${words(9)} ${short} ${words(9)}`, { against: { texts: [short] } })).toHaveProperty('drop');
    expect(
      await judge(`${words(9)} What is the capital city of ${words(9)}`, { against: { texts: [short] } }),
    ).toHaveProperty('keep');
    await expect(judge('x', { against: { texts: ['Too short'] } })).rejects.toThrow('nothing to look for');
    const chinese = '下列哪一项是中华人民共和国的首都城市？';
    expect(await judge(`前文。${chinese}后文`, { against: { texts: [chinese] } })).toMatchObject({
      evidence: '“下列哪一项是中华人民共和国的首都城市”',
    });
  });

  it('cuts as GPT-3 did: 200 characters on either side, no piece under 200, at most ten pieces', async () => {
    const against = { texts: [QUESTION] };
    const [before, after] = [words(200, 'before'), words(200, 'after')];
    const cut = await judge(`${before} ${QUESTION} ${after}`, { against, ...gpt3Decontamination });
    if (!('keep' in cut)) throw new Error(cut.drop);
    const pieces = cut.keep.text.split('\n\n');
    expect(pieces).toEqual([before.slice(0, before.length - 199).trim(), after.slice(199).trim()]);
    expect(cut.changes).toEqual({ 'passages in the reference': 1 });
    expect(cut.keep.id).toBe(of(`${before} ${QUESTION} ${after}`).id);
    expect(
      await judge(`${words(20)} ${QUESTION} ${words(20, 'v')}`, { against, ...gpt3Decontamination }),
    ).toMatchObject({
      drop: 'in the reference, and too little else',
    });
    const many = Array.from({ length: 11 }, (_, index) => `${words(150, `p${index}x`)} ${QUESTION}`).join(' ');
    expect(await judge(many, { against, ...gpt3Decontamination })).toMatchObject({
      drop: 'in the reference too often to cut out',
    });
  });

  it('measures as Llama 3 does: the share of words in shared 8-grams', async () => {
    const against = { texts: [QUESTION] };
    expect(await judge(`${QUESTION} ${words(10)}`, { against, ...llama3Decontamination })).toMatchObject({
      drop: 'in the reference',
      score: 16 / 26,
    });
    expect(await judge(`${QUESTION} ${words(30)}`, { against, ...llama3Decontamination })).toMatchObject({
      scores: { 'share in the reference': 16 / 46 },
    });
  });

  it('reads its reference from files or a corpus, once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'decontaminate-'));
    try {
      const path = join(folder, 'questions.jsonl');
      await writeFile(path, `${JSON.stringify({ text: QUESTION })}\n`);
      const step = decontaminate({ against: path });
      expect(step.made).toMatchObject({ name: 'decontaminate', options: [{ against: path, n: 13 }] });
      const verdicts = await step.judge([of(`a ${QUESTION}`), of('b')]);
      expect(verdicts).toMatchObject([{ drop: 'in the reference', like: of(QUESTION).id }, { keep: of('b') }]);
      const corpus = await load(path);
      const other = decontaminate({ against: corpus });
      expect(other.made).toBeUndefined();
      expect(await other.judge([of(`a ${QUESTION}`), of('b')])).toEqual(verdicts);
      await expect(judge('x', { against: join(folder, 'none.jsonl') })).rejects.toThrow(
        'no such data set, file or folder',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('finds what comparing all runs in the plainest way finds', async () => {
    const word = fc.constantFrom('a', 'b', 'c', 'd');
    const list = fc.array(word, { minLength: 3, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(list, { minLength: 1, maxLength: 3 }), list, async (references, text) => {
        const n = 4;
        const runs = new Set(references.flatMap((one) => plainRuns(one, Math.min(n, one.length))));
        const isShared = text.map((_, at) =>
          [3, 4].some((width) =>
            text.some(
              (_, start) =>
                start <= at &&
                at < start + width &&
                start + width <= text.length &&
                runs.has(text.slice(start, start + width).join(' ')),
            ),
          ),
        );
        const share = isShared.filter(Boolean).length / text.length;
        const verdict = await judge(text.join(' '), {
          against: { texts: references.map((one) => one.join(' ')) },
          n,
          minimumWords: 3,
        });
        if (share === 0) expect(verdict).toHaveProperty('keep');
        else expect(verdict).toMatchObject({ score: share });
      }),
      // a short reference within a longer shared run must not shorten it
      { numRuns: 200, examples: [[['baccba', 'bac'].map((one) => Array.from(one)), Array.from('bacc')]] },
    );
  });

  it('refuses options that are none', () => {
    expect(() => decontaminate({ against: 'x', n: 0 })).toThrow('n');
    // @ts-expect-error a cut says how
    expect(() => decontaminate({ against: 'x', action: 'cut' })).toThrow('action');
  });
});

function plainRuns(list: readonly string[], width: number): readonly string[] {
  return list.slice(width - 1).map((_, start) => list.slice(start, start + width).join(' '));
}
