import { basename, join } from 'node:path';
import { defineCommand } from 'citty';
import { TrainbookError } from '../error.js';
import { hashFile } from '../files.js';
import { accountName } from './account-name.js';
import { untilInterrupted } from './until-interrupted.js';
import { numberOption, portOption, UsageError } from './usage.js';

export const label = defineCommand({
  meta: {
    name: 'label',
    description: 'Rank answers side by side on a local page: preferences to train on, and how far annotators agree',
  },
  args: {
    samples: {
      type: 'positional',
      required: true,
      description:
        'JSON Lines: {"prompt": text or turns, "answers": [2 to 9 texts or {"text", "model", "run", "step"}]}',
    },
    annotator: { type: 'string', valueHint: 'name', description: 'Who judges (the name of the account)' },
    dimensions: {
      type: 'string',
      valueHint: 'names',
      description: 'What is judged, such as factuality,safety,fluency (preference)',
    },
    overlap: {
      type: 'string',
      valueHint: 'share',
      description: 'Of the samples, the share that all annotators judge; each other is judged once (1)',
    },
    out: {
      type: 'string',
      valueHint: 'folder',
      description: 'Where the rankings are kept, a file an annotator (SAMPLES.rankings)',
    },
    port: { type: 'string', valueHint: 'number', description: 'Of this machine (a free one)' },
    agreement: {
      type: 'boolean',
      description: 'Print how far the annotators agree so far, and open no page',
    },
    json: { type: 'boolean', description: 'Print one JSON value: the address, or with --agreement the measures' },
  },
  async run({ args }) {
    const port = portOption(args.port);
    const overlap = numberOption('overlap', args.overlap) ?? 1;
    if (overlap < 0 || overlap > 1) throw new UsageError(`--overlap needs a share from 0 to 1, not '${overlap}'`);
    const folder = args.out ?? `${args.samples.replace(/\.jsonl?(\.\w+)?$/u, '')}.rankings`;
    const isJson = args.json === true;
    if (args.agreement === true) return printAgreement(args.samples, folder, isJson);
    const annotator = (args.annotator ?? accountName()).trim().normalize('NFC');
    if (annotator === '') throw new UsageError('--annotator needs a name');
    const dimensions = dimensionsOf(args.dimensions);
    const [{ readSamples }, { openLabelling }, { rankingsFileName }, { tryLock }, { startLabelling }] =
      await Promise.all([
        import('../data/post-training/samples.js'),
        import('../data/label/labelling.js'),
        import('../data/label/rankings-file.js'),
        import('../experiment/lock.js'),
        import('../report/label/server.js'),
      ]);
    const { rows: samples } = await readSamples(args.samples);
    if (samples.length === 0) throw noSamples(args.samples);
    const file = { file: basename(args.samples), hash: await hashFile(args.samples) };
    const release = await tryLock(join(folder, `.${rankingsFileName(annotator)}.lock`));
    if (release === undefined) throw labelsAlready(annotator);
    try {
      const labelling = await openLabelling({ samples, file, folder, annotator, dimensions, overlap });
      try {
        const { done, count } = await labelling.progress();
        const server = await startLabelling(labelling, port);
        const { address } = server;
        process.stdout.write(
          isJson
            ? `${JSON.stringify({ address, annotator, dimensions, samples: count, done, rankings: labelling.path })}\n`
            : `${annotator}: ${done} of ${count} samples done; rankings go to ${labelling.path}\n${address}\nCtrl-C ends it\n`,
        );
        await untilInterrupted();
        await server.close();
        const end = await labelling.progress();
        if (!isJson) process.stdout.write(`${annotator}: ${end.done} of ${end.count} samples done\n`);
        return 0;
      } finally {
        await labelling.close();
      }
    } finally {
      await release();
    }
  },
});

async function printAgreement(samples: string, folder: string, isJson: boolean): Promise<number> {
  const [{ rankingsOfFolder }, { agreement }, { agreementText }] = await Promise.all([
    import('../data/label/rankings-folder.js'),
    import('../data/audit/agreement/agreement.js'),
    import('../data/audit/agreement/agreement-text.js'),
  ]);
  const rankings = await rankingsOfFolder(folder, await hashFile(samples));
  const found = agreement(rankings);
  process.stdout.write(`${isJson ? JSON.stringify(found) : agreementText(found)}\n`);
  return 0;
}

function dimensionsOf(text: string | undefined): readonly string[] {
  const names = (text ?? 'preference').split(/[,，]/u).map((name) => name.trim());
  if (names.includes('') || new Set(names).size < names.length) {
    throw new UsageError(`--dimensions needs names between commas, each once, not '${text ?? ''}'`);
  }
  return names;
}

function noSamples(path: string): TrainbookError {
  return new TrainbookError({
    what: `label: ${path} has no samples`,
    received: 'a file without rows',
    expected: '{"prompt": "…", "answers": ["…", "…"]} on each line',
    fix: 'writeSamples writes such a file',
  });
}

function labelsAlready(annotator: string): TrainbookError {
  return new TrainbookError({
    what: 'label: this annotator has the rankings open already, in another process',
    received: annotator,
    expected: 'one process for each annotator',
    fix: 'end the other one, or give another --annotator',
  });
}
