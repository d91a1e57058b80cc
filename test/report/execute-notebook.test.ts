import { describe, expect, it } from 'vitest';
import { checkExecuted } from '../../src/report/execute-notebook.js';

const cell = (source: string, execution_count: number | null, cell_type = 'code') => ({
  cell_type,
  source,
  execution_count,
});

describe('checkExecuted', () => {
  it('takes notebooks whose cells were all run; empty ones and text are not', () => {
    expect(() => {
      checkExecuted('a.ipynb', { cells: [cell('# Title', null, 'markdown'), cell('1 + 1', 1), cell(' \n', null)] });
    }).not.toThrow();
    expect(() => {
      checkExecuted('a.ipynb', { cells: [cell('1 + 1', null), cell('2', null)] }); // as tslab leaves them
    }).not.toThrow();
  });

  it('names the first cell that a kernel has passed over', () => {
    expect(() => {
      checkExecuted('a.ipynb', { cells: [cell('const a = 1', 1), cell('const b = a;\nb', null), cell('b', null)] });
    }).toThrow(/code cell 2 of a.ipynb was not run[\s\S]*const b = a;/);
  });
});
