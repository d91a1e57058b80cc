import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../engine/cell.js';
import type { MimeBundle } from './display.js';
import { formatBytes, formatNumber } from './format.js';
import { html, nothing } from './markup.js';
import { barPicture, heatPicture } from './tensor-picture.js';

/** A picture has at most so many rows and columns, so many bars; of a larger tensor every second, third … number is shown. */
const ROWS = 32;
const COLUMNS = 64;
const BARS = 96;

/** Numbers that are written out: rows and columns of the corner. */
const CORNER = { rows: 4, columns: 8 };

/** What a tensor comes to; of numbers that are finite. */
interface Statistics {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** Numbers that are not finite. */
  readonly strange: number;
}

/** Computed by the engine: a tensor of gigabytes comes out as five numbers. */
async function statistics(numbers: tf.Tensor): Promise<Statistics> {
  const asked = tf.tidy(() => {
    const finite = tf.isFinite(numbers);
    const instead = (value: number): tf.Tensor => tf.where(finite, numbers, tf.fill(numbers.shape, value));
    const count = tf.sum(tf.cast(finite, 'float32'));
    return tf.stack([
      tf.min(instead(Infinity)),
      tf.div(tf.sum(instead(0)), count),
      tf.max(instead(-Infinity)),
      tf.sub(numbers.size, count),
    ]);
  });
  const [min = NaN, mean = NaN, max = NaN, strange = 0] = await asked.data();
  asked.dispose();
  return { min, mean, max, strange };
}

/** The last two axes as rows, of the first of each axis before; every `ceil(length / most)`th number of each. */
async function sample(
  numbers: tf.Tensor,
  rows: number,
  columns: number,
  from: 'everywhere' | 'corner',
): Promise<number[][]> {
  const { shape, rank } = numbers;
  const most = shape.map((_, axis) => (axis === rank - 1 ? columns : axis === rank - 2 ? rows : 1));
  const step = shape.map((length, axis) => (from === 'corner' ? 1 : Math.ceil(length / (most[axis] ?? 1))));
  const end = shape.map((length, axis) =>
    from === 'corner' || axis < rank - 2 ? Math.min(length, most[axis] ?? 1) : length,
  );
  const taken = tf.tidy(() => {
    const part = tf.stridedSlice(
      numbers,
      shape.map(() => 0),
      end,
      step,
    );
    return tf.reshape(part, [-1, part.shape.at(-1) ?? 1]);
  });
  const values = Array.from(await taken.data());
  const width = taken.shape[1] ?? 1;
  taken.dispose();
  return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
}

const bytesOf: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8 };

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/**
 * A tensor: its shape, dtype, least, mean and greatest number, the first numbers, and a picture of the last two axes. Only what is
 * shown is read from the engine.
 *
 * @param name such as `Cell layers.0.query, stored as bfloat16`
 */
export async function tensorBundle(tensor: tf.Tensor, name = 'Tensor'): Promise<MimeBundle> {
  const about = `${name} ${tensor.dtype} ${shapeText(tensor.shape)}`;
  if (tensor.isDisposed) return plain(`${about}, disposed`);
  if (tensor.dtype === 'string') {
    const values = (await tensor.data<'string'>()).slice(0, CORNER.columns).map((value) => JSON.stringify(value));
    return plain(`${about}: ${values.join(', ')}${tensor.size > values.length ? ' …' : ''}`);
  }
  const size = formatBytes(tensor.size * (bytesOf[tensor.dtype] ?? 4));
  if (tensor.size === 0 || tensor.dtype === 'complex64') return plain(`${about}, ${size}`);
  const numbers = tf.cast(tensor, 'float32');
  try {
    if (tensor.rank === 0) return plain(`${about}: ${formatNumber((await numbers.data())[0] ?? NaN)}`);
    const { min, mean, max, strange } = await statistics(numbers);
    const facts = [
      size,
      `min ${formatNumber(min)}`,
      `mean ${formatNumber(mean)}`,
      `max ${formatNumber(max)}`,
      ...(strange > 0 ? [`${formatNumber(strange)} not finite`] : []),
    ];
    const isRow = tensor.rank === 1;
    const shown = await sample(numbers, ROWS, isRow ? BARS : COLUMNS, 'everywhere');
    const picture = isRow ? barPicture(shown[0] ?? []) : heatPicture(shown);
    const corner = await sample(numbers, CORNER.rows, CORNER.columns, 'corner');
    const note = pictureNote(tensor.shape);
    const source = `data:image/svg+xml;base64,${Buffer.from(picture).toString('base64')}`;
    return {
      'text/plain': [`${about}: ${facts.join(', ')}`, ...cornerText(corner, tensor.shape)].join('\n'),
      'text/html': html`<div>
        <div><b>${name}</b> ${tensor.dtype} <code>${shapeText(tensor.shape)}</code> · ${facts.join(' · ')}</div>
        <img alt="${about}: ${facts.join(', ')}" src="${source}" style="margin:6px 0;max-width:100%" />
        ${note === '' ? nothing : html`<div style="opacity:0.7;font-size:90%">${note}</div>`}
      </div>`.text,
    };
  } finally {
    numbers.dispose();
  }
}

const plain = (text: string): MimeBundle => ({ 'text/plain': text });

/** What of the tensor the picture has. */
function pictureNote(shape: readonly number[]): string {
  const before = shape.slice(0, -2);
  const most = shape.length === 1 ? [BARS] : [ROWS, COLUMNS];
  const steps = shape.slice(-2).map((length, axis) => Math.ceil(length / (most[axis] ?? 1)));
  const parts = [
    ...(before.length > 0 && before.some((length) => length > 1)
      ? [`[${before.map(() => '0').join(', ')}, :, :] of it`]
      : []),
    ...(steps.some((step) => step > 1) ? [`every ${steps.map(ordinal).join(' × ')} number`] : []),
  ];
  return parts.length === 0 ? '' : `shown: ${parts.join(', ')}`;
}

function ordinal(number: number): string {
  const ending =
    number % 10 === 1 && number % 100 !== 11
      ? 'st'
      : number % 10 === 2 && number % 100 !== 12
        ? 'nd'
        : number % 10 === 3 && number % 100 !== 13
          ? 'rd'
          : 'th';
  return `${number}${ending}`;
}

function cornerText(corner: readonly (readonly number[])[], shape: readonly number[]): string[] {
  const texts = corner.map((row) => row.map((value) => (Number.isNaN(value) ? 'NaN' : formatNumber(value))));
  const width = Math.max(...texts.flat().map(({ length }) => length));
  const [columns = 0, rows = 1] = shape.toReversed();
  const more = columns > CORNER.columns ? ' …' : '';
  const lines = texts.map((row) => `  ${row.map((text) => text.padStart(width)).join(' ')}${more}`);
  return rows > CORNER.rows || shape.slice(0, -2).some((length) => length > 1) ? [...lines, '  …'] : lines;
}

/** A cell of state: its name, how it is stored, and its value as it is now. */
export async function cellBundle(cell: Cell): Promise<MimeBundle> {
  const stored = cell.storage === cell.dtype ? '' : `, stored as ${cell.storage},`;
  const value = cell.read();
  try {
    return await tensorBundle(value, `Cell ${cell.name}${stored}`);
  } finally {
    value.dispose();
  }
}
