// Mixing: how much of what.
export { mix, shares, type MixOptions } from './mix.js';
