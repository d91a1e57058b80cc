import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const folder = join(import.meta.dirname, '../../notebooks');
const chapters = readdirSync(folder).filter((name) => name.endsWith('.ipynb'));

const chapterSchema = z.object({
  nbformat: z.literal(4),
  metadata: z.looseObject({
    kernelspec: z.looseObject({ name: z.literal('trainbook') }),
    trainbook: z.object({ ci: z.record(z.string(), z.json()) }),
  }),
  cells: z.array(
    z.object({
      cell_type: z.enum(['markdown', 'code']),
      id: z.string(),
      metadata: z.object({ tags: z.array(z.string()).optional() }),
      source: z.array(z.string()).transform((lines) => lines.join('')),
      outputs: z.array(z.never()).optional(),
      execution_count: z.null().optional(),
    }),
  ),
});

describe.each(chapters)('the chapter %s', (name) => {
  const { cells, metadata } = chapterSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
  const code = cells.filter(({ cell_type }) => cell_type === 'code');

  it('has one cell of parameters, which names what checks set', () => {
    const cell = code.filter((each) => each.metadata.tags?.includes('parameters'));
    expect(cell).toHaveLength(1);
    for (const parameter of Object.keys(metadata.trainbook.ci)) expect(cell[0]?.source).toMatch(new RegExp(`\\b${parameter}:`));
  });

  it('imports trainbook, zod for the schema of a config, and TensorFlow.js for tensors, alone', () => {
    const imported = code.flatMap(({ source }) => [...source.matchAll(/from '([^']+)'/g)].map((match) => match[1]));
    expect(imported.length).toBeGreaterThan(0);
    for (const specifier of imported) expect(['trainbook', 'trainbook/notebook', 'zod', '@tensorflow/tfjs']).toContain(specifier);
  });

  it('begins with its title, tells before it shows, and ends with exercises and papers', () => {
    expect(cells[0]?.source).toMatch(/^# \d+ · /);
    const prose = cells.filter(({ cell_type }) => cell_type === 'markdown').map(({ source }) => source);
    expect(prose.at(-1)).toMatch(/## Exercises[\s\S]*arxiv\.org/);
    // At most two cells of code without a word between them.
    const kinds = cells.map(({ cell_type }) => (cell_type === 'code' ? 'c' : 'm')).join('');
    expect(kinds).not.toContain('ccc');
  });
});
