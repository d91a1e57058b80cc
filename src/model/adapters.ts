/** Adapters: few numbers trained beside a model. */
export { trainableShare, type Adapted, type AdaptedOptions, type AdapterMethod } from './adapter.js';
export { lora, type Lora, type LoraAdapter, type LoraPair, type LoraWeights } from './lora.js';
export { attachLora, mergeLora, sumLora, unmergeLora, type MergedModel, type WeightedLora } from './lora-merge.js';
export { loraOptions, loraPresets, type LoraConfig, type LoraOptions } from './lora-options.js';
export { loadAdapter, saveAdapter, type Adapter, type AdapterPlace } from './peft-folder.js';
export {
  prefixPresets,
  prefixTuning,
  prefixTuningOptions,
  type PrefixAdapter,
  type PrefixTuning,
  type PrefixTuningOptions,
  type PrefixWeights,
} from './prefix-tuning.js';
export {
  promptTuning,
  promptTuningOptions,
  type PromptAdapter,
  type Prompted,
  type PromptTuning,
  type PromptTuningOptions,
  type PromptWeights,
} from './prompt-tuning.js';
export {
  bottleneck,
  bottleneckOptions,
  type Bottleneck,
  type BottleneckAdapter,
  type BottleneckOptions,
  type BottleneckWeights,
} from './bottleneck.js';
