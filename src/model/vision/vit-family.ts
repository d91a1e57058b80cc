import { z } from 'zod';
import { readConfig } from '../family.js';
import { linearNames, normNames } from '../names.js';
import { imageBlockNames, imageConfig, imageModelShape, imageOptions } from './image-family.js';
import type { ImageFamily } from './image-family.js';
import { vit } from './vit.js';
import type { ViT } from './vit.js';

const schema = z.looseObject({
  ...imageModelShape,
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  layer_norm_eps: z.number().positive().default(1e-12),
});

/** ViT in Hugging Face's files. */
export const vitFamily: ImageFamily<ViT> = {
  kind: 'vit',
  architecture: 'ViTForImageClassification',
  trunk: (json, source) => {
    const config = readConfig(schema, json, source);
    return vit({
      ...imageOptions(config),
      layers: config.num_hidden_layers,
      width: config.hidden_size,
      hidden: config.intermediate_size,
      heads: config.num_attention_heads,
      normEpsilon: config.layer_norm_eps,
    });
  },
  config: (trunk) => {
    const { layers, width, hidden, heads } = trunk.config;
    return {
      ...imageConfig(trunk),
      hidden_size: width,
      intermediate_size: hidden,
      num_attention_heads: heads,
      num_hidden_layers: layers,
    };
  },
  names: () => [
    { path: 'trunk.classToken', name: 'vit.embeddings.cls_token' },
    { path: 'trunk.positions', name: 'vit.embeddings.position_embeddings' },
    ...linearNames('trunk.patches', 'vit.embeddings.patch_embeddings.projection'),
    ...imageBlockNames('trunk.layers.*', 'vit.encoder.layer.*', 'attention'),
    ...normNames('trunk.norm', 'vit.layernorm'),
  ],
};
