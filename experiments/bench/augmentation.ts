import {
  augment,
  asTrain,
  fold,
  key,
  load,
  permutation,
  randomDeletion,
  randomInsertion,
  randomSwap,
  synonymReplacement,
  templateParaphrase,
} from 'trainbook';
import type { Augmenter, Document, Key, LabelledText } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { bagOfWords, fitSoftmax, shareRight } from './bag-of-words.js';
import { estimate } from './built.js';

const genres = ['news', 'government', 'learned', 'religion', 'hobbies', 'romance'] as const;
const recipeOf = (quick: boolean) => ({
  examplesAClass: quick ? [8] : [8, 16, 32],
  seeds: quick ? 2 : 10,
  copies: quick ? 1 : 8,
  testsAClass: quick ? 20 : 100,
  wordsAPassage: 60,
  share: 0.1,
  /** Buckets of the hash of a word, the strength of the penalty, and steps of gradient descent. */
  classifier: { buckets: 4096, penalty: 1e-4, steps: quick ? 30 : 150, rate: 20 },
});
type Recipe = ReturnType<typeof recipeOf>;

const methodsOf = ({ share }: Recipe): Readonly<Record<string, readonly Augmenter[]>> => ({
  'synonym replacement': [synonymReplacement({ share })],
  'random insertion': [randomInsertion({ share })],
  'random swap': [randomSwap({ share })],
  'random deletion': [randomDeletion({ share })],
  'template paraphrase': [templateParaphrase()],
  'all four (EDA)': [
    synonymReplacement({ share }),
    randomInsertion({ share }),
    randomSwap({ share }),
    randomDeletion({ share }),
  ],
});

/** What a classifier gains that sees few examples, and variants of them. */
export const augmentation: Benchmark = {
  name: 'augmentation',
  title: 'few-shot gain of each augmentation: genres of Brown, with variants and without',
  workload: (quick) => ({
    ...recipeOf(quick),
    genres: [...genres],
    model: 'softmax regression on hashed words, ours',
    paired: 'by seed',
  }),
  run: async ({ quick, say }) => {
    const recipe = recipeOf(quick);
    const { documents } = await load('brown');
    const measurements: Measurement[] = [];
    for (const size of recipe.examplesAClass) {
      say(`${size} examples a class, ${recipe.seeds} seeds`);
      const plain: number[] = [];
      let numVariants = 0;
      const gains = new Map(Object.keys(methodsOf(recipe)).map((name) => [name, [] as number[]]));
      for (let seed = 0; seed < recipe.seeds; seed++) {
        const { train, test } = drawn(documents, size, recipe, fold(key('augmentation'), seed));
        const without = scored(train, test, recipe);
        plain.push(without);
        for (const [name, augmenters] of Object.entries(methodsOf(recipe))) {
          const more = await augment(asTrain(train), augmenters, { seed, copies: recipe.copies });
          if (name === 'template paraphrase') numVariants += more.length - train.length;
          gains.get(name)?.push(100 * (scored(more, test, recipe) - without));
        }
      }
      measurements.push({
        figure: `${size} a class: accuracy without variants`,
        ...spread(plain.map((own) => 100 * own)),
        unit: '%',
      });
      for (const [name, own] of gains)
        measurements.push({ figure: `${size} a class: gain of ${name}`, ...spread(own), unit: 'points' });
      measurements.push({ figure: `${size} a class: variants that templates gave in all`, value: numVariants });
    }
    return {
      measurements: [
        ...measurements,
        { figure: 'gain that the literature reports', value: '+8 to +12', unit: 'points' },
      ],
      notes: [
        'means over seeds, with the 95% interval of the mean by Student’s t in place of the spread; differences are paired by seed',
        'the passages tested on are of other samples of Brown than those trained on; whoever spreads variants over both sees more',
        'a bag of words does not see the order of words: a swap cannot change anything',
        'back-translation is not measured: it needs two translation models, and none ships; templates (everydayForms) fit whole questions and requests, not passages of prose',
      ],
    };
  },
};

/** The mean and the 95% interval of the mean. */
function spread(values: readonly number[]): Pick<Measurement, 'value' | 'spread'> {
  const found = estimate(values);
  return { value: found?.mean ?? NaN, ...(found?.interval && { spread: found.interval }) };
}

function scored(train: readonly LabelledText[], test: readonly LabelledText[], { classifier }: Recipe): number {
  const examples = (texts: readonly LabelledText[]) =>
    texts.map(({ text, label }) => ({ ...bagOfWords(text, classifier.buckets), label: Number(label) }));
  return shareRight(fitSoftmax(examples(train), genres.length, classifier), examples(test), genres.length);
}

/** Passages to train on and to test on: of each genre half of the samples is for training, the other half for the test. */
function drawn(documents: readonly Document[], size: number, recipe: Recipe, from: Key) {
  const [train, test]: [LabelledText[], LabelledText[]] = [[], []];
  genres.forEach((genre, label) => {
    const samples = documents.filter(({ domain }) => domain === genre);
    const order = [...permutation(fold(from, genre), samples.length)].map((place) => samples[place] as Document);
    const half = Math.floor(order.length / 2);
    const passages = (own: readonly Document[], count: number, name: string): LabelledText[] => {
      const all = own.flatMap(({ id, text }) =>
        passagesOf(text, recipe.wordsAPassage).map((each, at) => ({ id: `${id}/${at}`, text: each, label })),
      );
      return [...permutation(fold(fold(from, genre), name), all.length).subarray(0, count)].map(
        (place) => all[place] as LabelledText,
      );
    };
    train.push(...passages(order.slice(0, half), size, 'train'));
    test.push(...passages(order.slice(half), recipe.testsAClass, 'test'));
  });
  return { train, test };
}

/** Whole sentences, one a line in Brown, until there are enough words. */
function passagesOf(text: string, words: number): readonly string[] {
  const passages: string[] = [];
  let open: string[] = [];
  for (const line of text.split('\n')) {
    open.push(line);
    if (open.join(' ').split(/\s+/u).length < words) continue;
    passages.push(open.join(' '));
    open = [];
  }
  return passages;
}
