/**
 * The colours of lines and bars. Each has a contrast of at least 3:1 both on white and on the dark page (#14171c), so that
 * a picture without a theme of its own can be read on either (WCAG 2.2, success criterion 1.4.11).
 */
export const series = ['#3f7fd6', '#d0652a', '#2b9470', '#9a63c7', '#c4506f', '#78838f'] as const;

/** The colour of the line at `index`, beginning again after the last. */
export function seriesColour(index: number): string {
  return series[index % series.length] ?? series[0];
}

/** Colours of the parts of a picture that are not data; CSS values, so that a page can pass `var(--ink)`. */
export interface Ink {
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
}

/** For pictures that may stand on a light or a dark page: mid-grey text has 4.5:1 on white, 4.0:1 on the dark page. */
export const neutralInk: Ink = { text: '#747b85', muted: '#747b85', grid: 'rgba(128,136,148,0.28)' };
