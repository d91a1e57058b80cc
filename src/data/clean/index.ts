// Cleaning: what is mended, masked or dropped in each document by itself.
export { normalise } from './normalise.js';
