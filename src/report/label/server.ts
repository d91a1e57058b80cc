import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import type { LabelProgress, Labelling, LabelTask, PlaceGroups } from '../../data/label/labelling.js';
import { startSecretPage } from '../secret-page.js';
import type { SecretServer } from '../secret-page.js';
import { labelPage, labelPolicy } from './page.js';
import { textBlocks } from './text-blocks.js';
import type { TextBlock } from './text-blocks.js';

export type LabelServer = SecretServer;

const seconds = z.number().nonnegative();
const judged = z.strictObject({
  sample: z.string(),
  dimension: z.string(),
  groups: z.array(z.array(z.int().nonnegative())),
  seconds,
});
const skipped = z.strictObject({ sample: z.string(), reason: z.string().trim().min(1).max(500), seconds });

/** A text, readable and as it is written. */
interface ShownText {
  readonly text: string;
  readonly blocks: readonly TextBlock[];
}

/** What the page is told: nothing of who wrote the answers. */
interface State {
  readonly annotator: string;
  readonly dimensions: readonly string[];
  readonly done: number;
  readonly count: number;
  readonly canUndo: boolean;
  readonly task?: {
    readonly sample: string;
    readonly language: string;
    readonly dimension: string;
    readonly prompt: readonly (ShownText & { readonly role: string })[];
    readonly answers: readonly ShownText[];
    readonly judged: Readonly<Record<string, PlaceGroups>>;
    readonly draft: PlaceGroups;
  };
}

/**
 * Serves the page on which answers are ranked to this machine alone, under an address that nobody can guess. A judgement is answered when
 * it is on the disk.
 *
 * @param port 0 for a free one.
 * @throws TrainbookError where the port is taken
 */
export function startLabelling(labelling: Labelling, port: number): Promise<LabelServer> {
  const { annotator, dimensions } = labelling;
  const state = async (): Promise<State> => {
    const { done, count, canUndo, task }: LabelProgress = await labelling.progress();
    const begun = { annotator, dimensions, done, count, canUndo };
    return task === undefined ? begun : { ...begun, task: shownTask(task) };
  };
  const after = async (writing: Promise<boolean>): Promise<State | undefined> =>
    (await writing.catch(notWritten)) ? state() : undefined;
  const page = {
    who: 'label',
    policy: labelPolicy,
    html: labelPage,
    get: { state },
    post: {
      judge: (body: unknown) => {
        const { data } = judged.safeParse(body);
        return data === undefined
          ? undefined
          : after(labelling.judge(data.sample, data.dimension, data.groups, tenths(data.seconds)));
      },
      skip: (body: unknown) => {
        const { data } = skipped.safeParse(body);
        return data === undefined ? undefined : after(labelling.skip(data.sample, data.reason, tenths(data.seconds)));
      },
      undo: () => after(labelling.undo()),
    },
  };
  return startSecretPage(page, port);
}

function shownTask({ sample, dimension, order, judged, draft = [] }: LabelTask) {
  const shown = (text: string): ShownText => ({ text, blocks: textBlocks(text) });
  return {
    sample: sample.id,
    language: sample.language ?? '',
    dimension,
    prompt: sample.prompt.map(({ role, content }) => ({ role, ...shown(content) })),
    answers: order.map((at) => shown(sample.answers[at]?.text ?? '')),
    judged,
    draft,
  };
}

const tenths = (time: number): number => Math.round(10 * time) / 10;

/** The system's word for a full disk, in words. */
function notWritten(cause: unknown): never {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cause;
  throw new TrainbookError({ what: 'the disk is full', cause });
}
