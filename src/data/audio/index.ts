/** Recordings: WAV files, and what is heard in them. */
export { logMel, melFilters, type LogMelOptions, type Spectrogram } from './log-mel.js';
export { readWav, type Recording } from './read-wav.js';
