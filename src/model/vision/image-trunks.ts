import { z } from 'zod';
import { swin } from './swin.js';
import type { Swin } from './swin.js';
import { swinOptions } from './swin-options.js';
import { vit } from './vit.js';
import type { ViT } from './vit.js';
import { vitOptions } from './vit-options.js';

/** The trunks of images that files know. */
export type PublishedTrunk = ViT | Swin;

/** What config.json says of a trunk, in trainbook's own words. */
export const imageTrunkSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('vit'), config: vitOptions }),
  z.object({ kind: z.literal('swin'), config: swinOptions }),
]);

/** The trunk of a kind and a config. */
export function imageTrunk({ kind, config }: z.output<typeof imageTrunkSchema>): PublishedTrunk {
  return kind === 'vit' ? vit(config) : swin(config);
}
