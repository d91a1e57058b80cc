import { TrainbookError } from '../error.js';
import type { Figure } from '../figure.js';

/** Pairs of about one confidence. */
export interface CalibrationBin {
  /** The bin's borders; the lower one belongs to it, and 1 to the last. */
  readonly from: number;
  readonly to: number;
  readonly numPairs: number;
  /** Mean confidence of its pairs; NaN where there are none, as the accuracy. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /** Σ (n_b / n) |accuracy_b − confidence_b| over bins. */
  readonly expectedCalibrationError: number;
}

/**
 * Whether confidence is what it says: of the pairs of which a model is sure by c = σ(|r − r′|), the share c should be ranked rightly. In
 * bins of equal width from 0.5 to 1: Guo 2017, "On Calibration of Modern Neural Networks" (1706.04599), equations 2, 3 and 5. A margin of
 * 0 is half a hit, as its confidence says.
 *
 * @param margins rewards of chosen answers less those of rejected ones
 * @throws TrainbookError if there are none, one is no number, or the number of bins is not a positive integer.
 * @example
 * const { expectedCalibrationError } = calibration(scored.map(({ chosen, rejected }) => chosen.reward - rejected.reward));
 */
export function calibration(margins: readonly number[], numBins = 10): Calibration {
  check(margins, numBins);
  const tallies = Array.from({ length: numBins }, () => ({ numPairs: 0, confidence: 0, hits: 0 }));
  for (const margin of margins) {
    const confidence = 1 / (1 + Math.exp(-Math.abs(margin)));
    const tally = tallies[Math.min(Math.floor((confidence - 0.5) * 2 * numBins), numBins - 1)];
    if (tally === undefined) continue;
    tally.numPairs++;
    tally.confidence += confidence;
    tally.hits += margin > 0 ? 1 : margin === 0 ? 0.5 : 0;
  }
  const bins = tallies.map(({ numPairs, confidence, hits }, place) => ({
    from: 0.5 + place / (2 * numBins),
    to: 0.5 + (place + 1) / (2 * numBins),
    numPairs,
    confidence: confidence / numPairs,
    accuracy: hits / numPairs,
  }));
  const error = bins.reduce(
    (sum, { numPairs, confidence, accuracy }) =>
      numPairs === 0 ? sum : sum + (numPairs / margins.length) * Math.abs(accuracy - confidence),
    0,
  );
  return { bins, expectedCalibrationError: error };
}

/**
 * Accuracy against confidence, bin by bin; on the dotted line both are equal. Below it a model is too sure of itself.
 *
 * @example
 * await show(calibrationFigure(calibration(margins)));
 */
export function calibrationFigure({ bins, expectedCalibrationError }: Calibration): Figure {
  const filled = bins.filter(({ numPairs }) => numPairs > 0);
  const numPairs = filled.reduce((sum, bin) => sum + bin.numPairs, 0);
  return {
    title: `Calibration: expected error ${expectedCalibrationError.toFixed(3)}`,
    source: `calibration of ${numPairs} pairs`,
    data: [
      {
        type: 'scatter',
        mode: 'lines',
        name: 'as sure as right',
        x: [0.5, 1],
        y: [0.5, 1],
        line: { dash: 'dot', color: 'rgb(128, 136, 148)' },
      },
      {
        type: 'scatter',
        mode: 'lines+markers',
        name: 'the model',
        x: filled.map(({ confidence }) => confidence),
        y: filled.map(({ accuracy }) => accuracy),
        text: filled.map((bin) => `${bin.numPairs} pairs`),
        marker: { color: 'rgb(59, 110, 165)', size: filled.map((bin) => 6 + 24 * Math.sqrt(bin.numPairs / numPairs)) },
      },
    ],
    layout: {
      xaxis: { title: { text: 'confidence: σ of the difference of rewards' }, range: [0.48, 1.02] },
      yaxis: { title: { text: 'share of pairs ranked rightly' }, range: [0, 1.02] },
      showlegend: true,
    },
  };
}

function check(margins: readonly number[], numBins: number): void {
  const wrong = margins.find((margin) => !Number.isFinite(margin));
  if (margins.length > 0 && wrong === undefined && Number.isInteger(numBins) && numBins > 0) return;
  throw new TrainbookError({
    what: 'calibration: this cannot be measured',
    received: `${margins.length} margins${wrong === undefined ? '' : `, one of them ${wrong}`}, in ${numBins} bins`,
    expected: 'finite margins, at least one, and a positive number of bins',
  });
}
