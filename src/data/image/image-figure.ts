import type { Layout } from 'plotly.js';
import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';
import type { PixelImage } from './images.js';
import { encodePng } from './png.js';
import { linearKernel, resamplingMatrix } from './resample.js';

export interface ImageFigureOptions {
  readonly title: string;
  readonly images: readonly PixelImage[];
  /** What stands below each image. */
  readonly captions?: readonly string[];
  /** Images in a row. Default: at most ten. */
  readonly columns?: number;
  readonly source?: string;
}

/** The side of an image in the figure, in pixels. */
const side = 84;
/** Of the figure, in pixels: what a notebook and a report have room for. */
const widest = 720;

/**
 * A figure of images, row by row, each with a line below it.
 *
 * @throws TrainbookError if there are no images, or other numbers of captions.
 * @example
 * await show(imageFigure({ title: 'The first ten', images: [0, 1, 2].map((index) => imageAt(train, index)), captions: ['bag', 'shirt', 'coat'] }));
 */
export function imageFigure({
  title,
  images,
  captions = images.map(() => ''),
  columns = Math.min(10, images.length),
  source = 'imageFigure',
}: ImageFigureOptions): Figure {
  if (images.length === 0 || captions.length !== images.length) {
    throw new TrainbookError({
      what: 'imageFigure: the captions do not fit the images',
      received: `${images.length} images, ${captions.length} captions`,
      expected: 'at least one image, and as many captions',
    });
  }
  const rows = Math.ceil(images.length / columns);
  const cell = Math.min(side + 14, (widest - 32) / columns);
  const places = images.map((_, index) => ({ column: index % columns, row: Math.floor(index / columns) }));
  return {
    title,
    source,
    data: [
      {
        type: 'scatter',
        mode: 'text',
        x: places.map(({ column }) => column + 0.5),
        y: places.map(({ row }) => row + 0.9),
        text: [...captions],
        textposition: 'middle center',
        textfont: { size: 10 },
        hoverinfo: 'skip',
        cliponaxis: false,
      },
    ],
    layout: {
      height: 24 + rows * Math.round(cell + 12),
      width: Math.max(280, 32 + columns * cell),
      margin: { l: 16, r: 16, t: 8, b: 16 },
      xaxis: { visible: false, range: [0, columns], fixedrange: true },
      yaxis: { visible: false, range: [rows, 0], fixedrange: true },
      images: images.map((image, index): Partial<NonNullable<Layout['images']>[number]> => {
        const { column = 0, row = 0 } = places[index] ?? {};
        return {
          source: `data:image/png;base64,${pngOf(image).toString('base64')}`,
          xref: 'x',
          yref: 'y',
          x: column + 0.5,
          y: row + 0.02,
          xanchor: 'center',
          sizex: 0.88,
          sizey: 0.78,
          sizing: 'contain',
        };
      }),
      showlegend: false,
    },
  };
}

/** Each pixel as a square, so that nothing is smoothed where it is shown. */
function pngOf({ values, height, width, channels }: PixelImage): Buffer {
  const scale = Math.max(1, Math.ceil(side / Math.max(height, width)));
  const pixels = new Uint8Array(height * width * channels * scale ** 2);
  for (let y = 0; y < height * scale; y++)
    for (let x = 0; x < width * scale; x++)
      for (let channel = 0; channel < channels; channel++) {
        const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels + channel;
        const level = Math.min(1, Math.max(0, values[from] ?? 0));
        pixels[(y * width * scale + x) * channels + channel] = Math.round(255 * level);
      }
  return encodePng({ pixels, height: height * scale, width: width * scale, channels });
}

/** How much a pixel of full heat keeps of the image. */
const kept = 0.35;
const hot = [1, 0.32, 0.05] as const;

/**
 * An image in colours, orange where a map of rows and columns over it is high: the map is stretched to the image's size, and its largest number
 * is full heat; what is below 0 is none.
 *
 * @throws TrainbookError if the map has other numbers than rows and columns.
 * @example
 * heatOverlay(imageAt(test, 0), { rows: 7, columns: 7, values: map });
 */
export function heatOverlay(
  { values, height, width, channels }: PixelImage,
  heat: { readonly rows: number; readonly columns: number; readonly values: ArrayLike<number> },
): PixelImage {
  if (heat.values.length !== heat.rows * heat.columns) {
    throw new TrainbookError({
      what: 'heatOverlay: the map does not fit its rows and columns',
      received: `${heat.values.length} numbers`,
      expected: `${heat.rows} × ${heat.columns}`,
    });
  }
  const most = Math.max(0, ...Array.from(heat.values));
  const down = resamplingMatrix(heat.rows, height, linearKernel, false);
  const across = resamplingMatrix(heat.columns, width, linearKernel, false);
  const shown = new Float32Array(height * width * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let row = 0; row < heat.rows; row++)
        for (let column = 0; column < heat.columns; column++)
          sum +=
            (down[y * heat.rows + row] ?? 0) *
            (across[x * heat.columns + column] ?? 0) *
            Math.max(0, heat.values[row * heat.columns + column] ?? 0);
      const share = most > 0 ? (1 - kept) * (sum / most) : 0;
      for (let channel = 0; channel < 3; channel++) {
        const level = values[(y * width + x) * channels + (channels < 3 ? 0 : channel)] ?? 0;
        shown[(y * width + x) * 3 + channel] = (1 - share) * level + share * (hot[channel] ?? 0);
      }
    }
  return { values: shown, height, width, channels: 3 };
}
