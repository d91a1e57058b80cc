import { z } from 'zod';
import { readConfig } from '../family.js';
import { linearNames, normNames } from '../names.js';
import type { NameRule } from '../names.js';
import { imageBlockNames, imageConfig, imageModelShape, imageOptions } from './image-family.js';
import type { ImageFamily } from './image-family.js';
import { swin } from './swin.js';
import type { Swin } from './swin.js';

const size = z.int().positive();
const schema = z.looseObject({
  ...imageModelShape,
  embed_dim: size,
  depths: z.array(size).min(1),
  num_heads: z.array(size).min(1),
  window_size: size,
  mlp_ratio: z.number().positive().default(4),
  drop_path_rate: z.number().default(0.1),
  layer_norm_eps: z.number().positive().default(1e-5),
  use_absolute_embeddings: z.literal(false).default(false),
});

/** Swin in Hugging Face's files. */
export const swinFamily: ImageFamily<Swin> = {
  kind: 'swin',
  architecture: 'SwinForImageClassification',
  trunk: (json, source) => {
    const config = readConfig(schema, json, source);
    return swin({
      ...imageOptions(config),
      width: config.embed_dim,
      depths: config.depths,
      heads: config.num_heads,
      window: config.window_size,
      mlpRatio: config.mlp_ratio,
      dropPath: config.drop_path_rate,
      normEpsilon: config.layer_norm_eps,
    });
  },
  config: (trunk) => {
    const { depths, heads, width, window, overlap, mlpRatio, dropPath } = trunk.config;
    if (overlap > 0) return undefined;
    // transformers has a table for the window of the config even where a stage has fewer tokens, and cannot run it.
    if (trunk.stages.some((stage) => stage.window !== window)) return undefined;
    return {
      ...imageConfig(trunk),
      depths,
      drop_path_rate: dropPath,
      embed_dim: width,
      hidden_size: trunk.width,
      mlp_ratio: mlpRatio,
      num_heads: heads,
      num_layers: depths.length,
      use_absolute_embeddings: false,
      window_size: window,
    };
  },
  names: ({ config: { depths } }) => [
    ...linearNames('trunk.patches', 'swin.embeddings.patch_embeddings.projection'),
    ...normNames('trunk.patchNorm', 'swin.embeddings.norm'),
    ...Array.from({ length: Math.max(...depths) }, (_, block) => blockNames(block)).flat(),
    ...normNames('trunk.stages.*.merging.norm', 'swin.encoder.layers.*.downsample.norm'),
    ...linearNames('trunk.stages.*.merging.reduction', 'swin.encoder.layers.*.downsample.reduction'),
    ...normNames('trunk.norm', 'swin.layernorm'),
  ],
};

/** The names of a block of any stage. */
function blockNames(block: number): NameRule[] {
  const [path, name] = [`trunk.stages.*.blocks.${block}`, `swin.encoder.layers.*.blocks.${block}`];
  const table = 'attention.self.relative_position_bias_table';
  return [...imageBlockNames(path, name, 'self'), { path: `${path}.relativeBias`, name: `${name}.${table}` }];
}
