// Models that compute a part of themselves for each token: experts, few layers, compressed caches.
export { expertsOptions, type ExpertsConfig, type ExpertsOptions } from './experts-options.js';
export type { Routing } from './gating.js';
export type { RoutedStates } from './decoder.js';
export { mixtral, mixtralSizes } from './mixtral.js';
export { qwen2Moe, qwen2MoeSizes, qwen3Moe, qwen3MoeSizes } from './qwen-moe.js';
export { deepSeekV3, deepSeekV3Sizes } from './deepseek.js';
export { latentOptions, type LatentConfig } from './latent-options.js';
export type { EarlyExit } from './early-exit.js';
export { withEarlyExit } from './with-early-exit.js';
