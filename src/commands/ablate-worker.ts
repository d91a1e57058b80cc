/**
 * What `trainbook ablate --workers` starts for each worker: it runs the cells that its parent names.
 *
 * node ablate-worker.js experiments/norm-ablation.ts runs/ablations/norms/2026-11-29-153002-a41c
 */
import { joinAblation } from '../experiment/ablations/open-ablation.js';
import { serveCells } from '../experiment/ablations/serve-cells.js';
import { loadAblation } from './ablate-file.js';

const [file = '', folder = ''] = process.argv.slice(2);
await serveCells(async (signal) => {
  const { ablation, place } = await loadAblation(file, signal);
  return joinAblation(ablation, folder, place);
});
