/**
 * The classic flow: a table from a file to predictions. Rows with missing values and duplicates are dropped, a fifth is put aside, numbers
 * are scaled by what the training rows say, and a network with two hidden layers is trained for 100 epochs, with Adam and a rate that
 * falls by steps. Then it is scored, saved, loaded, and asked.
 *
 * `npx tsx experiments/classic.ts`, or with two processes `npx trainbook launch --processes 2 experiments/classic.ts`.
 */
import {
  accuracy,
  adam,
  classification,
  dropDuplicates,
  dropMissing,
  encodeCategories,
  features,
  fit,
  joinGroup,
  key,
  labels,
  loadMlpClassifier,
  mlpClassifier,
  perEpoch,
  precisionRecallF1,
  predict,
  readTable,
  saveMlpClassifier,
  standardScaler,
  stepDecay,
  tableLoader,
  train,
  trainTestSplit,
  transform,
} from 'trainbook';

const epochs = Number(process.env['EPOCHS'] ?? 100);
const group = await joinGroup();

const { table } = dropDuplicates(dropMissing(await readTable('credit_data')).table);
const parts = trainTestSplit(table, { testSize: 0.2, seed: 42, stratify: 'Status' });
const prepared = fit(parts.train, standardScaler({ except: ['Status'] }), encodeCategories({ except: ['Status'] }));
const x = features(transform(prepared, parts.train), { except: ['Status'] });
const y = labels(parts.train, 'Status');

const architecture = mlpClassifier({ sizes: [x.columns.length, 64, 32, y.classes.length], dropout: 0.3 });
const model = await train(
  { architecture, weights: architecture.init(key(42)) },
  {
    objective: classification(),
    data: (options) => tableLoader(x, y.indices, options),
    optimizer: ({ stepsPerEpoch }) =>
      adam({ learningRate: perEpoch(stepDecay({ learningRate: 1e-3, every: 30, factor: 0.1 }), stepsPerEpoch) }),
    plan: { epochs, batchSize: 64 },
    key: key(42),
    group,
  },
);

if (group.index === 0) {
  await saveMlpClassifier(model, 'runs/classic');
  const loaded = await loadMlpClassifier('runs/classic');
  const { classes } = await predict(loaded, features(transform(prepared, parts.test), { except: ['Status'] }));
  const truth = labels(parts.test, 'Status', y.classes);
  const { weighted } = precisionRecallF1(truth.indices, classes);
  console.log(`accuracy ${accuracy(truth.indices, classes).toFixed(3)}, weighted F1 ${weighted.f1.toFixed(3)}`);
}
await group.leave();
