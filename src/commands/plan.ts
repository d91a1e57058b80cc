import { defineCommand } from 'citty';
import { writeAtomic } from '../files.js';
import { settings } from './run-file.js';
import { everyValue, integerOption, numberOption, UsageError } from './usage.js';

const number = (description: string, valueHint = 'number') => ({ type: 'string', valueHint, description }) as const;

export const plan = defineCommand({
  meta: { name: 'plan', description: 'Say what a training will take before it runs: memory, time, scaling, money' },
  args: {
    file: { type: 'positional', required: false, description: 'An experiment; or describe the training by options' },
    set: {
      type: 'string',
      valueHint: 'path=value',
      description: "A value in place of the experiment's own; may be repeated",
    },
    layers: number('Blocks of the model', 'integer'),
    width: number('Size of its residual stream', 'integer'),
    heads: number('Heads; one for each 64 of the width if not given', 'integer'),
    context: number('Tokens of a row', 'integer'),
    vocabulary: number('Tokens of the vocabulary', 'integer'),
    batch: number('Rows of a step', 'integer'),
    tokens: number("Tokens of the whole training; the experiment's steps, or 20 a weight, if not given"),
    'micro-batch': number('Rows that are computed at a time', 'integer'),
    'loss-chunks': number('Parts in which the logits are computed', 'integer'),
    recompute: { type: 'boolean', description: 'Compute blocks again in the backward pass' },
    precision: { type: 'enum', options: ['float32', 'tf32', 'bfloat16', 'float16'], description: 'Of matrix products' },
    'optimizer-state': { type: 'enum', options: ['float32', 'bfloat16', 'int8'], description: 'How it is kept' },
    memory: number('Bytes that a process may have, such as 8e9: finds the fastest plan that fits', 'bytes'),
    flops: number('FLOPs a second of a worker; measured on this machine if not given'),
    utilization: number('The part of these that a step reaches (0.4; 0.6 of what is measured)', '0–1'),
    'memory-bandwidth': number('Bytes a second of its memory (an eighth of its FLOPs a second)'),
    bandwidth: number('Bytes a second between two workers (1.25e9)'),
    latency: number('Seconds until a message arrives (50e-6)', 'seconds'),
    overlap: number('The part of the backward pass that hides the sum of gradients (0)', '0–1'),
    scaling: { type: 'enum', options: ['weak', 'strong'], description: 'Larger batches, or parts of one (weak)' },
    price: number('Of a worker, in an hour'),
    'spot-discount': number('The part that a worker costs less where it may be taken away (0)', '0–1'),
    interruptions: number('Of such a worker, in a day (0)'),
    restart: number('Seconds from an interruption until the training goes on (300)', 'seconds'),
    disk: number('Bytes a second to where checkpoints are kept (5e8)'),
    kind: {
      type: 'string',
      valueHint: 'name',
      description:
        'Plans a mesh of such devices: A100, H100, H800, H200, B200, "TPU v4", "TPU v5p"; without a model, usual ones',
    },
    mesh: { type: 'string', valueHint: 'data=8,tensor=8', description: 'How they are arranged (data=1)' },
    pipeline: number('Stages, each a mesh of its own (1)', 'integer'),
    'micro-batches': number('Pieces of the batch on a mesh (four for each stage)', 'integer'),
    network: { type: 'string', valueHint: 'name', description: 'Between machines ("InfiniBand 400")' },
    figure: { type: 'string', valueHint: 'file.svg', description: 'Draws efficiency against workers' },
    json: { type: 'boolean', description: 'Print all as one JSON value' },
  },
  async run({ args, rawArgs }) {
    const integer = (name: keyof typeof args): number | undefined =>
      integerOption(name, args[name] as string | undefined);
    const real = (name: keyof typeof args): number | undefined => numberOption(name, args[name] as string | undefined);
    if (args.file === undefined && everyValue(rawArgs, 'set').length > 0)
      throw new UsageError('--set needs an experiment');
    const sizes = {
      layers: integer('layers'),
      width: integer('width'),
      heads: integer('heads'),
      context: integer('context'),
      vocabularySize: integer('vocabulary'),
    };
    const planned = {
      batchSize: integer('batch'),
      microBatch: integer('micro-batch'),
      lossChunks: integer('loss-chunks'),
      recompute: args.recompute,
      precision: args.precision,
      optimizerState: args['optimizer-state'],
    };
    if (args.kind !== undefined) {
      const { meshPlanText } = await import('./plan-mesh.js');
      const given = {
        kind: args.kind,
        mesh: args.mesh,
        network: args.network,
        pipeline: integer('pipeline'),
        microBatches: integer('micro-batches'),
        utilisation: real('utilization'),
        overlap: real('overlap'),
        tokens: real('tokens'),
        json: args.json === true,
      };
      process.stdout.write(`${meshPlanText({ ...given, sizes, plan: planned })}\n`);
      return 0;
    }
    const [{ supposed }, { forecast }, { forecastText }] = await Promise.all([
      import('./plan-assumptions.js'),
      import('../train/forecast/forecast.js'),
      import('./plan-text.js'),
    ]);
    const { architecture, options, assumptions } = await supposed({
      file: args.file,
      set: settings(everyValue(rawArgs, 'set')),
      sizes,
      plan: planned,
      tokens: real('tokens'),
      memory: real('memory'),
      machine: {
        flops: real('flops'),
        utilization: real('utilization'),
        memoryBandwidth: real('memory-bandwidth'),
        bandwidth: real('bandwidth'),
        latency: real('latency'),
        overlap: real('overlap'),
        disk: real('disk'),
        restart: real('restart'),
      },
      mode: args.scaling,
      price: real('price'),
      spotDiscount: real('spot-discount'),
      interruptions: real('interruptions'),
    });
    const found = forecast(architecture, options);
    if (args.figure !== undefined) {
      const { figureToSvg } = await import('../report/svg.js');
      await writeAtomic(args.figure, await figureToSvg(found.figure));
    }
    const text = args.json === true ? JSON.stringify({ assumptions, ...found }) : forecastText(found, assumptions);
    process.stdout.write(`${text}\n`);
    return 0;
  },
});
