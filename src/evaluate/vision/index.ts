export { classActivation, gradCam, type GradCamOptions, type HeatMaps } from './class-activation.js';
export { attentionMaps, attentionRollout, type AttentionMap } from './attention-rollout.js';
