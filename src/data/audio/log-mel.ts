import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { Recording } from './read-wav.js';

/** How a recording is cut and heard. The defaults are Whisper's, for 16,000 samples a second. */
export interface LogMelOptions {
  /** Samples of a window. Default: 400, 25 ms. */
  readonly window?: number;
  /** Samples from one window to the next. Default: 160, 10 ms. */
  readonly hop?: number;
  /** Bands. Default: 80. */
  readonly mels?: number;
  /** Windows in all: what is longer is cut off, what is shorter is filled up with silence. Default: as many as there are. */
  readonly frames?: number;
}

/** How loud each band is at each time. */
export interface Spectrogram {
  readonly values: Float32Array; // [frames, mels]
  readonly frames: number;
  readonly mels: number;
}

/**
 * log₁₀ Σ_f M[m, f] |STFT[t, f]|², at most 8 below the highest, then (x + 4) / 4: the picture of a recording that Whisper reads. Windows are
 * Hann's, around each time, with the recording mirrored at its ends; M are triangles, evenly spaced on the mel scale. As a picture it
 * is cut into patches like any image: Gong 2021, "AST: Audio Spectrogram Transformer" (2104.01778); Radford 2022, "Whisper" (2212.04356).
 *
 * @throws TrainbookError if the recording is shorter than half a window, or a number is not positive.
 * @example
 * const { values, frames, mels } = logMel(await readWav('hello.wav'), { frames: 96, mels: 64 });
 * const speech = patchEncoder({ image: [frames, mels], channels: 1, patch: 16, width: 256 });
 */
export function logMel(
  { samples, sampleRate }: Recording,
  { window = 400, hop = 160, mels = 80, frames }: LogMelOptions = {},
): Spectrogram {
  checkSizes(samples, { window, hop, mels, ...(frames !== undefined && { frames }) });
  const wanted = frames === undefined ? undefined : frames * hop;
  const sound = wanted === undefined ? samples : fitted(samples, wanted);
  const half = Math.floor(window / 2);
  const count = Math.floor(sound.length / hop); // a window around the end itself is left out, as in Whisper
  const hann = hannWindow(window);
  const cut = new Float32Array(count * window);
  for (let frame = 0; frame < count; frame++) {
    for (let place = 0; place < window; place++) {
      cut[frame * window + place] =
        (sound[mirrored(frame * hop + place - half, sound.length)] as number) * (hann[place] as number);
    }
  }
  const values = tf.tidy(() => {
    const windows = tf.tensor2d(cut, [count, window]);
    const [cosines, sines] = waves(window);
    const power = tf.add(tf.square(tf.matMul(windows, cosines)), tf.square(tf.matMul(windows, sines))); // [count, bins]
    const bands = tf.matMul(power, melFilters({ bins: half + 1, mels, sampleRate }), false, true); // [count, mels]
    const loud = tf.div(tf.log(tf.maximum(bands, 1e-10)), Math.LN10);
    return tf.div(tf.add(tf.maximum(loud, tf.sub(tf.max(loud), 8)), 4), 4).dataSync<'float32'>();
  });
  return { values: Float32Array.from(values), frames: count, mels };
}

/**
 * Triangles that are evenly spaced on Slaney's mel scale (linear up to 1,000 Hz, logarithmic above), each of area 1 in Hz: [mels, bins].
 *
 * @param bins Frequencies from 0 to half of the sample rate, evenly spaced.
 */
export function melFilters({
  bins,
  mels,
  sampleRate,
}: {
  readonly bins: number;
  readonly mels: number;
  readonly sampleRate: number;
}): tf.Tensor2D {
  const most = melOf(sampleRate / 2);
  const corners = Array.from({ length: mels + 2 }, (_, index) => hertzOf((most * index) / (mels + 1)));
  const filters = new Float32Array(mels * bins);
  for (let mel = 0; mel < mels; mel++) {
    const [left = 0, middle = 0, right = 0] = corners.slice(mel, mel + 3);
    for (let bin = 0; bin < bins; bin++) {
      const hertz = (bin * sampleRate) / 2 / (bins - 1);
      const height = Math.min((hertz - left) / (middle - left), (right - hertz) / (right - middle));
      filters[mel * bins + bin] = (Math.max(0, height) * 2) / (right - left);
    }
  }
  return tf.tensor2d(filters, [mels, bins]);
}

/** 3/200 mel a hertz up to 1,000 Hz; then 27 mel for each factor of 6.4. */
const melOf = (hertz: number): number =>
  hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4);
const hertzOf = (mel: number): number =>
  mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp(((mel - 15) * Math.log(6.4)) / 27);

/** The window that ends where the next would begin. */
function hannWindow(window: number): Float64Array {
  return Float64Array.from({ length: window }, (_, place) => 0.5 - 0.5 * Math.cos((2 * Math.PI * place) / window));
}

/** A place before the beginning or behind the end, mirrored there. */
function mirrored(place: number, length: number): number {
  const inside = place < 0 ? -place : place;
  return inside < length ? inside : 2 * (length - 1) - inside;
}

/** cos and sin of 2π f t / window: [window, bins] each. */
function waves(window: number): readonly [tf.Tensor2D, tf.Tensor2D] {
  const bins = Math.floor(window / 2) + 1;
  const table = (wave: (angle: number) => number): tf.Tensor2D =>
    tf.tensor2d(
      Float32Array.from({ length: window * bins }, (_, index) => {
        const [time, bin] = [Math.floor(index / bins), index % bins];
        return wave((2 * Math.PI * ((time * bin) % window)) / window);
      }),
      [window, bins],
    );
  return [table(Math.cos), table(Math.sin)];
}

function fitted(samples: Float32Array, length: number): Float32Array {
  const sound = new Float32Array(length);
  sound.set(samples.subarray(0, length));
  return sound;
}

function checkSizes(samples: Float32Array, sizes: Readonly<Record<string, number>>): void {
  const wrong = Object.entries(sizes).find(([, size]) => !Number.isInteger(size) || size < 1);
  if (wrong !== undefined)
    throw new TrainbookError({ what: `logMel: ${wrong[0]}`, received: wrong[1], expected: 'an integer > 0' });
  const { window = 0, hop = 0, frames } = sizes;
  const length = frames === undefined ? samples.length : frames * hop;
  if (length > window / 2 && length >= hop) return;
  throw new TrainbookError({
    what: 'logMel: the recording is too short',
    received: `${length} samples`,
    expected: `more than half a window of ${window}, and at least ${hop}`,
    fix: 'give frames, and it is filled up with silence',
  });
}
