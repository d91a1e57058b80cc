import { join } from 'node:path';
import { defineCommand } from 'citty';
import { accountName } from './account-name.js';
import { judgedDocuments, judgedOptions } from './data-judged.js';
import { untilInterrupted } from './until-interrupted.js';
import { integerOption, portOption, UsageError } from './usage.js';

export const review = defineCommand({
  meta: {
    name: 'review',
    description: 'Judge a sample of what a rule met and what it left, on a local page: its precision and recall',
  },
  args: {
    ...judgedOptions,
    rule: { type: 'string', valueHint: 'name', description: 'The rule as the ledger names it, or a part of its name' },
    sample: { type: 'string', valueHint: 'number', description: 'Documents to judge, half of them hits (100)' },
    seed: { type: 'string', valueHint: 'number', description: 'Which ones are drawn (1)' },
    out: { type: 'string', valueHint: 'folder', description: 'Where the judgements are kept (reviews/RULE-SEED)' },
    annotator: { type: 'string', valueHint: 'name', description: 'Who judges (the name of the account)' },
    port: { type: 'string', valueHint: 'number', description: 'Of this machine (a free one)' },
    scores: { type: 'boolean', description: 'Print the scores of the judgements so far, and open no page' },
    json: { type: 'boolean', description: 'Print one JSON value: the address, or with --scores the scores' },
  },
  async run({ args }) {
    if (args.rule === undefined) throw new UsageError('which --rule?');
    const size = integerOption('sample', args.sample) ?? 100;
    const seed = integerOption('seed', args.seed) ?? 1;
    const port = portOption(args.port);
    const { rule: word, from, step, options } = args;
    const folder = args.out ?? join('reviews', `${word.replace(/[^\p{L}\p{N}]+/gu, '-')}-${seed}`);
    const [{ keptSample }, { openJudgements }, { drawReview }, { reviewScores }, { scoresText }] = await Promise.all([
      import('../data/audit/review-folder.js'),
      import('../data/audit/judgements.js'),
      import('../data/audit/review-sample.js'),
      import('../data/audit/review-scores.js'),
      import('../data/audit/review-text.js'),
    ]);
    const drawnFrom = JSON.stringify({ from, step, options, rule: word, sample: size, seed });
    const sample = await keptSample(folder, drawnFrom, async () => {
      const documents = await judgedDocuments(from, step, options);
      return drawReview(documents.judged(), { rule: word, sample: size, seed }, documents.steps);
    });
    const annotator = args.annotator ?? accountName();
    const path = join(folder, 'judgements.jsonl');
    const file = await openJudgements(path, { rule: sample.rule, seed, annotator });
    try {
      if (args.scores === true) {
        const scores = reviewScores(sample, file.judgements);
        process.stdout.write(`${args.json === true ? JSON.stringify({ annotator, ...scores }) : scoresText(scores)}\n`);
        return 0;
      }
      const { startReview } = await import('../report/review/server.js');
      const server = await startReview({ sample, file, port });
      const { address } = server;
      const about = `${sample.rule}: ${sample.hits} hits, ${sample.misses} misses, ${sample.items.length} to judge; judgements go to ${path}`;
      process.stdout.write(
        args.json === true
          ? `${JSON.stringify({ address, rule: sample.rule, hits: sample.hits, misses: sample.misses, sample: sample.items.length, judgements: path })}\n`
          : `${about}\n${address}\nCtrl-C ends it\n`,
      );
      await untilInterrupted();
      await server.close();
      if (args.json !== true) process.stdout.write(`${scoresText(reviewScores(sample, file.judgements))}\n`);
      return 0;
    } finally {
      await file.close();
    }
  },
});
