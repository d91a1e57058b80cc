/**
 * One chat model, three tasks, in the same batches: to find a piece of text (extractive question answering), to say in a sentence what a
 * text is about (summary), and to take a part in a play (dialogue). Each is scored before and after, on templates, articles and plays
 * that nobody trained on; and what the model forgets of ordinary English is measured, with text of pretraining among the rows and without:
 *
 *     npx trainbook setup --models                                        # fetches SmolLM2-135M-Instruct
 *     npx trainbook run experiments/fine-tune-tasks.ts
 *     npx trainbook run experiments/fine-tune-tasks.ts --set text=0       # the same with nothing against forgetting
 */
import { z } from 'zod';
import {
  answerAll,
  bind,
  chatMl,
  dialogueLoss,
  evaluate,
  exactMatch,
  experiment,
  fineTune,
  fold,
  formatRate,
  load,
  loadPretrained,
  lora,
  loraOptions,
  modelFolder,
  pack,
  parseConversation,
  parseQuestion,
  permutation,
  recipeOptions,
  rouge,
  splitDocuments,
  tokenF1,
} from 'trainbook';
import type { AnswerAllOptions, Chat, Key, Model, SystemUserAssistant } from 'trainbook';

const schema = z.strictObject({
  model: z.string().describe('the name of a published model, or of another folder beside these'),
  share: z
    .strictObject({ extraction: z.number(), summary: z.number(), dialogue: z.number() })
    .describe('of the rows that are learned from'),
  text: z.number().min(0).lt(1).describe('how much of the training is ordinary text, against forgetting'),
  asked: z.int().positive().describe('questions of each task that score it, at most'),
  maxTokens: z.int().positive().describe('tokens of an answer'),
  texts: z.int().positive().describe('ordinary texts on which forgetting is measured'),
  adapter: loraOptions,
  train: recipeOptions,
});

/** Tokens of a row. */
const context = 256;

/** What stands before an answer, from the user's first turn to the last, and the answer. A type, so that it counts as JSON. */
type Row = { readonly turns: readonly string[]; readonly answer: string; readonly group: string };

/** What the tasks are made of. In each, rows of one group are alike: they are learned from, or asked about, all together. */
const tasks = {
  /** Which e-mail is in this text? The groups are the templates that the texts were made from. */
  extraction: async () => {
    const names: Readonly<Record<string, string>> = {
      ...{ PERSON: 'person', ORGANIZATION: 'organisation', STREET_ADDRESS: 'street', GPE: 'place', DATE_TIME: 'date' },
      ...{ PHONE_NUMBER: 'phone number', EMAIL_ADDRESS: 'e-mail address', CREDIT_CARD: 'card number' },
    };
    const { documents } = await load('pii_templates');
    return documents.flatMap(({ text, meta }): Row[] => {
      const spans = (meta?.['spans'] ?? []) as readonly { readonly type: string; readonly value: string }[];
      const [only, ...others] = spans.filter(({ type }) => type in names);
      if (only === undefined || others.some(({ type }) => type === only.type) || text.length > 200) return [];
      const ask = `${text}\n\nWhich ${names[only.type]} is named in this text? Answer with its own words alone.`;
      return [{ turns: [ask], answer: only.value, group: JSON.stringify(meta?.['template']) }];
    });
  },
  /** How an article of an encyclopedia begins, from the sentences that follow. */
  summary: async () => {
    const { documents } = await load('enwiki');
    return documents.flatMap(({ text, title = '' }): Row[] => {
      const [first = '', ...rest] = sentencesOf(text.split('\n').slice(0, 3).join(' '));
      const after = rest.filter((_, place) => rest.slice(0, place + 1).join(' ').length <= 500).join(' ');
      if (!/^[A-Z]/u.test(first) || first.length > 250 || after.length < 150) return [];
      const ask = `${after}\n\nWhat is this text about? Say it in one sentence.`;
      return [{ turns: [ask], answer: first, group: title }];
    });
  },
  /** The second of two who speak in turn in a play, after three speeches. */
  dialogue: async () => {
    const { documents } = await load('shakespeare');
    return documents.flatMap(({ text, title = '' }) =>
      exchangesOf(text).map((exchange) => ({ ...exchange, group: title })),
    );
  },
} as const;

type Task = keyof typeof tasks;
const taskNames = Object.keys(tasks) as Task[];

const ofEachTask = <R>(of: (task: Task) => R): Readonly<Record<Task, R>> => ({
  extraction: of('extraction'),
  summary: of('summary'),
  dialogue: of('dialogue'),
});

const sentencesOf = (text: string): string[] =>
  Array.from(new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text), ({ segment }) => segment.trim());

/** Four short speeches of two by turns, with nothing between them. */
function exchangesOf(play: string): Omit<Row, 'group'>[] {
  const speeches = play.split(/\n\s*\n/u).map((paragraph) => {
    const [, name = '', said = ''] = /^([A-Z][A-Za-z ]{1,20})\.\s+([^[\]]{10,160})$/u.exec(paragraph.trim()) ?? [];
    return { name, said: `${name}: ${said.replaceAll(/\s+/gu, ' ')}` };
  });
  return speeches.flatMap((first, place) => {
    const four = speeches.slice(place, place + 4);
    const [second] = four.slice(1);
    const inTurn = four.every(({ name }, turn) => name !== '' && name === (turn % 2 === 0 ? first : second)?.name);
    if (four.length < 4 || !inTurn || first.name === second?.name) return [];
    return [{ turns: four.slice(0, 3).map(({ said }) => said), answer: four[3]?.said ?? '' }];
  });
}

/** Every fifth group is asked about, all others are learned from; in an order drawn by the key. */
function parted(rows: readonly Row[], key: Key): { readonly learned: readonly Row[]; readonly unseen: readonly Row[] } {
  const groups = [...new Set(rows.map(({ group }) => group))];
  const isUnseen = ({ group }: Row): boolean => groups.indexOf(group) % 5 === 0;
  const drawn = Array.from(permutation(key, rows.length), (place) => rows[place] as Row);
  return { learned: drawn.filter((row) => !isUnseen(row)), unseen: drawn.filter(isUnseen) };
}

const turnsOf = ({ turns }: Row) =>
  turns.map((content, place) => ({ role: place % 2 === 0 ? ('user' as const) : ('assistant' as const), content }));

const exampleOf = (chat: Chat<SystemUserAssistant>, row: Row) =>
  parseConversation(chat.template, [...turnsOf(row), { role: 'assistant', content: row.answer }], row.group);

/** The model as it was published, with the template that it was trained with. */
async function opened(name: string) {
  const { model, tokenizer, chat = bind(chatMl, tokenizer) } = await loadPretrained(modelFolder(name));
  return { model, tokenizer, chat };
}

type Scores = Readonly<Record<string, number>>;
type Unseen = Readonly<Record<Task, readonly Row[]>>;

/** Answers to all that is asked, and what they are worth; a part in a play has the form `NAME: …`, and an end. */
async function scored(model: Model, chat: Chat<SystemUserAssistant>, unseen: Unseen, options: AnswerAllOptions) {
  const rows = taskNames.flatMap((task) => unseen[task].map((row) => ({ task, row })));
  const questions = rows.map(({ row }) => parseQuestion(chat.template, turnsOf(row), row.group));
  const all = await answerAll(model, chat, questions, options);
  const answers = rows.map(({ task, row }, place) => ({ task, row, ...(all[place] ?? { text: '', ended: false }) }));
  const of = (task: Task) => {
    const own = answers.filter((each) => each.task === task);
    return { own, texts: own.map(({ text }) => text), wanted: own.map(({ row }) => [row.answer]) };
  };
  const [extraction, summary, dialogue] = [of('extraction'), of('summary'), of('dialogue')];
  const { rouge1, rouge2, rougeL } = rouge(summary.texts, summary.wanted);
  const inForm = dialogue.own.map((each) => formatRate([each], new RegExp(`^${each.row.answer.split(':')[0]}: `, 'u')));
  const parts = dialogue.own.map(({ row }) => exampleOf(chat, row));
  const { nats } = await dialogueLoss(model, chat, parts, { answers: 'last' });
  const scores: Scores = {
    'extraction: exact match': exactMatch(extraction.texts, extraction.wanted),
    'extraction: F1': tokenF1(extraction.texts, extraction.wanted),
    'summary: ROUGE-1': rouge1.f1,
    'summary: ROUGE-2': rouge2.f1,
    'summary: ROUGE-L': rougeL.f1,
    'dialogue: in form': inForm.reduce((sum, rate) => sum + rate, 0) / inForm.length,
    'dialogue: loss of the answer (nats)': nats,
  };
  const samples = answers.map(({ task, row, text }) => ({
    task,
    asked: row.turns.at(-1) ?? '',
    wanted: row.answer,
    text,
  }));
  return { scores, samples };
}

export default experiment('fine-tune-tasks', schema, {
  model: 'SmolLM2-135M-Instruct',
  share: { extraction: 0.4, summary: 0.3, dialogue: 0.3 },
  text: 0.15,
  asked: 40,
  maxTokens: 72,
  texts: 8,
  adapter: { rank: 16, targets: ['q_proj', 'v_proj'] },
  train: { steps: 120, batchSize: 4, learningRate: 1e-3, warmupSteps: 10, evaluateEvery: 1000, checkpointEvery: 40 },
})
  .stage('rows', async ({ config: { asked }, key }) => {
    const parts = async (task: Task) => parted(await tasks[task](), fold(key, task));
    const all = {
      extraction: await parts('extraction'),
      summary: await parts('summary'),
      dialogue: await parts('dialogue'),
    };
    return {
      learned: ofEachTask((task) => all[task].learned),
      unseen: ofEachTask((task) => all[task].unseen.slice(0, asked)),
    };
  })
  // Ordinary English, as in pretraining.
  .stage('english', async ({ key }) => splitDocuments(await load('brown'), 0.1, fold(key, 'english')))
  .stage('tuned', async ({ config, rows, english, key, metrics, progress, checkpoints, signal, group }) => {
    const { model, tokenizer, chat } = await opened(config.model);
    const data = ofEachTask((task) => ({
      share: config.share[task],
      data: rows.learned[task].map((row) => exampleOf(chat, row)),
    }));
    return fineTune(model, {
      chat,
      data,
      ...(config.text > 0 && { pretraining: { data: pack(english.train, tokenizer, context), share: config.text } }),
      context,
      unfit: 'drop',
      adapter: lora(config.adapter),
      ...config.train,
      ...{ key, metrics, progress, checkpoints, signal, group },
    });
  })
  .stage('before', async ({ config, rows, progress }) => {
    const { model, chat } = await opened(config.model);
    return scored(model, chat, rows.unseen, { maxTokens: config.maxTokens, progress });
  })
  .stage('after', async ({ config, tuned, rows, progress }) => {
    const { chat } = await opened(config.model);
    return scored(tuned, chat, rows.unseen, { maxTokens: config.maxTokens, progress });
  })
  .stage('forgetting', async ({ config, english, tuned }) => {
    const { model, tokenizer } = await opened(config.model);
    const text = pack({ documents: english.heldOut.documents.slice(0, config.texts) }, tokenizer, context);
    return { before: (await evaluate(model, text)).bitsPerByte, after: (await evaluate(tuned, text)).bitsPerByte };
  })
  .stage('table', ({ before, after, forgetting }) => [
    ...Object.entries(before.scores).map(([score, own]) => ({ score, before: own, after: after.scores[score] ?? NaN })),
    { score: 'ordinary English (bits per byte)', ...forgetting },
  ]);
