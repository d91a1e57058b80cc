import type { StoredTensor } from './files/safetensors.js';

/**
 * Which weight of the tree is which weight of Hugging Face's Llama; `*` is a layer's number. Matrices marked `turned` lie
 * as [inputs, outputs] in the tree and as [outputs, inputs] in files (`linear.ts` says why).
 */
const names: readonly { readonly path: string; readonly name: string; readonly turned?: true }[] = [
  { path: 'embedding', name: 'model.embed_tokens.weight' },
  { path: 'positions.weight', name: 'model.embed_positions.weight' },
  { path: 'layers.*.attentionNorm', name: 'model.layers.*.input_layernorm.weight' },
  { path: 'layers.*.attention.query', name: 'model.layers.*.self_attn.q_proj.weight', turned: true },
  { path: 'layers.*.attention.key', name: 'model.layers.*.self_attn.k_proj.weight', turned: true },
  { path: 'layers.*.attention.value', name: 'model.layers.*.self_attn.v_proj.weight', turned: true },
  { path: 'layers.*.attention.output', name: 'model.layers.*.self_attn.o_proj.weight', turned: true },
  { path: 'layers.*.mlpNorm', name: 'model.layers.*.post_attention_layernorm.weight' },
  { path: 'layers.*.mlp.gate', name: 'model.layers.*.mlp.gate_proj.weight', turned: true },
  { path: 'layers.*.mlp.up', name: 'model.layers.*.mlp.up_proj.weight', turned: true },
  { path: 'layers.*.mlp.down', name: 'model.layers.*.mlp.down_proj.weight', turned: true },
  { path: 'norm', name: 'model.norm.weight' },
  { path: 'output.weight', name: 'lm_head.weight' },
];

/** Hugging Face's name of the weight at a path of the tree, and whether the file has it turned. */
export function fileName(path: string): { readonly name: string; readonly turned: boolean } {
  const layer = /^layers\.(\d+)\./.exec(path)?.[1] ?? '';
  const general = path.replace(/^layers\.\d+\./, 'layers.*.');
  const found = names.find((entry) => entry.path === general);
  if (found === undefined) throw new Error(`internal: the weight ${path} has no name in files`);
  return { name: found.name.replace('*', layer), turned: found.turned === true };
}

/** A matrix with its axes exchanged: [rows, columns] → [columns, rows]. */
export function turn(matrix: { readonly shape: readonly number[]; readonly elements: Float32Array }): StoredTensor & {
  readonly elements: Float32Array;
} {
  const [rows = 0, columns = 0] = matrix.shape;
  const { elements } = matrix;
  const turned = new Float32Array(elements.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = elements[row * columns + column] ?? 0;
  }
  return { shape: [columns, rows], elements: turned };
}
