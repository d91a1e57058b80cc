// {"sample":"3f2a…","dimension":"safety","annotator":"mei","time":"2026-11-29T19:20:00.000Z","seconds":8.4,
//  "samples":{"file":"samples.jsonl","hash":"9e10…"},"prompt":[{"role":"user","content":"Name a colour."}],
//  "answers":["Seven.","Red.","A colour."],"ranking":"B > A = C","shown":"CAB","origins":[{"model":"base"},{"model":"sft","step":200},{}]}
// Left out, and taken back: the same up to "samples", then "ranking":null,"skipped":"I cannot tell", or "ranking":null alone.
import { z } from 'zod';

const said = {
  /** The hash of prompt and answers. */
  sample: z.string(),
  /** What the file of samples calls it. */
  name: z.string().optional(),
  dimension: z.string(),
  annotator: z.string(),
  /** When it was written down. */
  time: z.string(),
  /** That the annotator had it before the eyes. */
  seconds: z.number().nonnegative(),
  /** The file that the sample is of, by its name and the hash of its bytes. */
  samples: z.object({ file: z.string(), hash: z.string() }),
};

const rankedLine = z.object({
  ...said,
  language: z.string().optional(),
  prompt: z.array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })),
  /** In the order of the file of samples; A in `ranking` is the first of them. */
  answers: z.array(z.string()),
  ranking: z.string(),
  /** The letters of the answers, from left to right as they were shown. */
  shown: z.string(),
  /** Who wrote each answer, as the file of samples says. */
  origins: z.array(
    z.object({
      id: z.string().optional(),
      model: z.string().optional(),
      run: z.string().optional(),
      step: z.number().optional(),
    }),
  ),
});

const withdrawnLine = z.object({ ...said, ranking: z.null(), skipped: z.string().optional() });

export const rankingLineSchema = z.union([rankedLine, withdrawnLine]);

/** A ranking with all that a reader needs. */
export type RankedLine = z.infer<typeof rankedLine>;
/** What was left out, with the reason in `skipped`, or taken back. */
export type WithdrawnLine = z.infer<typeof withdrawnLine>;
/** One judgement as it is written down. */
export type RankingLine = RankedLine | WithdrawnLine;

/** Whether a line says something of its sample: a ranking, or that it is left out. */
export const stands = (line: RankingLine): boolean => line.ranking !== null || line.skipped !== undefined;
