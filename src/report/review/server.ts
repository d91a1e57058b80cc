import { z } from 'zod';
import type { JudgementFile } from '../../data/audit/judgements.js';
import type { ReviewSample } from '../../data/audit/review-sample.js';
import { reviewScores } from '../../data/audit/review-scores.js';
import type { ReviewJudgement, ReviewScores } from '../../data/audit/review-scores.js';
import { startSecretPage } from '../secret-page.js';
import type { SecretServer } from '../secret-page.js';
import { reviewPage, reviewPolicy } from './page.js';

export type ReviewServer = SecretServer;

export interface ReviewServerOptions {
  readonly sample: ReviewSample;
  readonly file: JudgementFile;
  /** A free one if not given. */
  readonly port?: number;
}

const judged = z.strictObject({ number: z.int().nonnegative(), judgement: z.enum(['yes', 'no', 'unsure']).nullable() });

/** What the page is told after each judgement. */
interface State {
  readonly rule: string;
  readonly count: number;
  readonly judgements: Readonly<Record<number, ReviewJudgement>>;
  readonly scores: ReviewScores;
}

/**
 * Serves the page of a review to this machine alone, under an address that nobody can guess. A judgement is answered when it is
 * on the disk.
 *
 * @throws TrainbookError where the port is taken
 */
export function startReview({ sample, file, port = 0 }: ReviewServerOptions): Promise<ReviewServer> {
  const state = (): State => ({
    rule: sample.rule,
    count: sample.items.length,
    judgements: Object.fromEntries(
      sample.items.flatMap(({ id }, index) => {
        const judgement = file.judgements.get(id);
        return judgement === undefined ? [] : [[index, judgement]];
      }),
    ),
    scores: reviewScores(sample, file.judgements),
  });
  const page = {
    who: 'review',
    policy: reviewPolicy,
    html: () => reviewPage(sample.rule),
    get: {
      state,
      item: (parameters: URLSearchParams) => {
        const item = sample.items[Number(parameters.get('number'))];
        // Whether it is a hit is not told: only its marks show it.
        return item === undefined ? undefined : { ...item, hit: undefined };
      },
    },
    post: {
      judge: async (body: unknown) => {
        const { data } = judged.safeParse(body);
        const item = data === undefined ? undefined : sample.items[data.number];
        if (data === undefined || item === undefined) return undefined;
        await file.judge(item.id, data.judgement);
        return state();
      },
    },
  };
  return startSecretPage(page, port);
}
