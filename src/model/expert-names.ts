import { linearNames, normNames } from './names.js';
import type { NameRule } from './names.js';

/*
 * Experts and latent attention as Qwen-MoE and DeepSeek have them in files:
 *
 * model.layers.0.mlp.gate.weight                     [E, width]        the router
 * model.layers.0.mlp.experts.3.up_proj.weight        [hidden, width]   of expert 3, one of E that are a stack in the tree
 * model.layers.0.mlp.shared_expert.up_proj.weight    [hidden, width]
 * model.layers.0.self_attn.kv_a_proj_with_mqa.weight [R + T, width]
 */

/** The three matrices of each expert. */
function stackNames(before: string, names: readonly [gate: string, up: string, down: string]): NameRule[] {
  return (['expertGate', 'expertUp', 'expertDown'] as const).map((matrix, index) => ({
    path: `layers.*.mlp.${matrix}.weight`,
    name: `${before}.experts.#.${names[index] ?? ''}.weight`,
    turned: true,
  }));
}

function sharedNames(name: string): NameRule[] {
  return [
    ...linearNames('layers.*.mlp.sharedGate', `${name}.gate_proj`),
    ...linearNames('layers.*.mlp.sharedUp', `${name}.up_proj`),
    ...linearNames('layers.*.mlp.sharedDown', `${name}.down_proj`),
  ];
}

const router: readonly NameRule[] = [
  { path: 'layers.*.mlp.router.weight', name: 'model.layers.*.mlp.gate.weight', turned: true },
  { path: 'layers.*.mlp.router.bias', name: 'model.layers.*.mlp.gate.e_score_correction_bias' },
];
const own = stackNames('model.layers.*.mlp', ['gate_proj', 'up_proj', 'down_proj']);

/** Experts as in Qwen2-MoE and Qwen3-MoE; those of decoders of no family too, and the routers of Mixture-of-Depths. */
export const expertNames: readonly NameRule[] = [
  { path: 'layers.*.depthRouter.weight', name: 'model.layers.*.depth_router.weight', turned: true },
  ...router,
  ...own,
  ...sharedNames('model.layers.*.mlp.shared_expert'),
  { path: 'layers.*.mlp.sharedOpening.weight', name: 'model.layers.*.mlp.shared_expert_gate.weight', turned: true },
];

/** Experts as in Mixtral. */
export const mixtralExpertNames: readonly NameRule[] = [
  { path: 'layers.*.mlp.router.weight', name: 'model.layers.*.block_sparse_moe.gate.weight', turned: true },
  ...stackNames('model.layers.*.block_sparse_moe', ['w1', 'w3', 'w2']),
];

/** Experts as in DeepSeek-V3. */
export const deepSeekExpertNames: readonly NameRule[] = [
  ...router,
  ...own,
  ...sharedNames('model.layers.*.mlp.shared_experts'),
];

/** Latent attention as in DeepSeek; what other attention has too is named as there. */
export const latentNames: readonly NameRule[] = [
  ...linearNames('layers.*.attention.queryDown', 'model.layers.*.self_attn.q_a_proj'),
  ...normNames('layers.*.attention.queryDownNorm', 'model.layers.*.self_attn.q_a_layernorm'),
  ...linearNames('layers.*.attention.queryUp', 'model.layers.*.self_attn.q_b_proj'),
  ...linearNames('layers.*.attention.latent', 'model.layers.*.self_attn.kv_a_proj_with_mqa'),
  ...normNames('layers.*.attention.latentNorm', 'model.layers.*.self_attn.kv_a_layernorm'),
  ...linearNames('layers.*.attention.keyValue', 'model.layers.*.self_attn.kv_b_proj'),
];

/** The rules with others for the same paths in place of their own. */
export function withNames(rules: readonly NameRule[], others: readonly NameRule[]): readonly NameRule[] {
  const paths = new Set(others.map(({ path }) => path));
  return [...rules.filter(({ path }) => !paths.has(path)), ...others];
}
