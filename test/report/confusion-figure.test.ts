import { describe, expect, it } from 'vitest';
import { confusionMatrix } from '../../src/evaluate/confusion-matrix.js';
import { confusionFigure } from '../../src/report/confusion-figure.js';
import { figureToSvg } from '../../src/report/svg.js';

describe('confusionFigure', () => {
  const matrix = confusionMatrix([0, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 1, 2]);

  it('has the shares of each true class, named with its rows', () => {
    const { data, layout } = confusionFigure(matrix, { names: ['bad', 'good', 'none'] });
    expect(data[1]).toMatchObject({ text: ['0.75', '0.25', '0.00', '0.00', '1.00', '0.00', '', '', ''] });
    expect(layout.yaxis).toMatchObject({ ticktext: ['bad (4)', 'good (1)', 'none (0)'] });
    expect(layout.xaxis).toMatchObject({
      ticktext: ['bad', 'good', 'none'],
      title: { text: 'rows: true · columns: predicted' },
    });
  });

  it('is drawn with the labels where there are no names', async () => {
    const svg = await figureToSvg(confusionFigure(matrix));
    expect(svg.match(/class="point"/g)).toHaveLength(9);
    expect(svg).toContain('0 (4)');
  });
});
