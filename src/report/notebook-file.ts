// A notebook's file (nbformat 4):
// {"nbformat":4,"metadata":{"trainbook":{"ci":{"steps":20}}},"cells":[{"cell_type":"code","source":["1 + 1"],"outputs":[…]}]}
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readJson } from '../files.js';

/** Text is one string or its lines. */
const text = z
  .union([z.string(), z.array(z.string())])
  .transform((lines) => (typeof lines === 'string' ? lines : lines.join('')));

const outputSchema = z.looseObject({
  output_type: z.string(),
  name: z.string().optional(),
  text: text.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  traceback: z.array(z.string()).optional(),
});

const cellSchema = z.looseObject({
  cell_type: z.string(),
  source: text,
  execution_count: z.number().nullable().optional(),
  metadata: z.looseObject({ tags: z.array(z.string()).optional() }).optional(),
  outputs: z.array(outputSchema).optional(),
});

export const notebookSchema = z.looseObject({
  nbformat: z.literal(4),
  metadata: z.looseObject({
    trainbook: z
      .looseObject({
        /** The values of the chapter's short form. */
        ci: z.record(z.string(), z.json()).optional(),
        /** With what it was executed. */
        executed: z
          .looseObject({
            kernel: z.string(),
            /** What the code of the package was known by. */
            build: z.string().optional(),
            /** The values that took the place of the chapter's own. */
            given: z.record(z.string(), z.json()),
            /** All of its parameters. */
            parameters: z.record(z.string(), z.json()),
          })
          .optional(),
      })
      .optional(),
  }),
  cells: z.array(cellSchema),
});

export type Notebook = z.infer<typeof notebookSchema>;
export type NotebookCell = z.infer<typeof cellSchema>;
export type CellOutput = z.infer<typeof outputSchema>;

/** @throws TrainbookError if the file is not there or no notebook */
export async function readNotebook(path: string): Promise<Notebook> {
  const content = await readJson(path).catch((cause: unknown) => {
    throw new TrainbookError({ what: 'no such notebook', received: path, expected: 'a file .ipynb', cause });
  });
  const parsed = notebookSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `${path} is not a notebook`,
    received: parsed.error.message,
    expected: 'nbformat 4',
  });
}

/** The text of a MIME type in an output's bundle, which may be in lines. */
export function dataText(output: CellOutput, mime: string): string | undefined {
  const value = output.data?.[mime];
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.join('') : undefined;
}
