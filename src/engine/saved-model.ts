/**
 * SavedModels: graphs with their state, in TensorFlow's own format. They are run as they are, by TensorFlow; nothing of them can be
 * trained or compiled here. So a model that somebody else trained can judge documents, or be a baseline.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { castAttributes } from './attributes.js';
import { binding, engineInfo, kernelLayer, nativeLibrary, tensorIds, wrapTensor } from './backend.js';
import { dtypeOf } from './capi.js';
import { tfjsDtype } from './host-data.js';
import { activeRecorder } from './recorder.js';
import type { DType } from './trace.js';

/** An input or output of a signature. */
export interface SavedModelTensor {
  /** The node of the graph, such as `serving_default_x:0`. */
  readonly node: string;
  /** The graph's dtype. Tensors have its nearest one in tfjs: int32 for int64. */
  readonly dtype: DType;
  /** null: any size. Undefined: any rank. */
  readonly shape: readonly (number | null)[] | undefined;
}

export interface SavedModel {
  readonly inputs: Readonly<Record<string, SavedModelTensor>>;
  readonly outputs: Readonly<Record<string, SavedModelTensor>>;
  /** Runs the signature: a tensor for each input, by name; one for each output. */
  predict(inputs: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor>;
  /** Frees its memory. */
  dispose(): void;
}

export interface SavedModelOptions {
  /** Which of the graphs in the folder. */
  readonly tags?: readonly string[];
  /** Which of the graph's functions. */
  readonly signature?: string;
}

/**
 * A signature of a SavedModel, ready to run.
 *
 * @param folder holds `saved_model.pb` and `variables/`, as Python's `tf.saved_model.save(model, folder)` writes them.
 * @example
 * const classifier = await loadSavedModel('models/quality');
 * const { score } = classifier.predict({ text: tf.tensor1d(['a document']) });
 */
export async function loadSavedModel(
  folder: string,
  { tags = ['serve'], signature = 'serving_default' }: SavedModelOptions = {},
): Promise<SavedModel> {
  if (nativeLibrary() === undefined) {
    throw new TrainbookError({
      what: 'loadSavedModel: only TensorFlow runs SavedModels',
      received: engineInfo().reason,
      expected: 'libtensorflow',
      fix: 'npx trainbook doctor says what is missing',
    });
  }
  const { inputs, outputs } = await readSignature(folder, tags, signature);
  const session = binding.loadSavedModel(folder, tags.join(','));
  const [inputNames, outputNames] = [Object.keys(inputs), Object.keys(outputs)];
  let isDisposed = false;
  const model: SavedModel = {
    inputs,
    outputs,
    predict: (given) => {
      if (isDisposed) throw new TrainbookError({ what: `predict: the SavedModel ${folder} was disposed` });
      if (activeRecorder() !== undefined) {
        throw new TrainbookError({
          what: 'predict: a SavedModel cannot be part of a compiled function',
          fix: 'run it outside and pass its outputs as arguments',
        });
      }
      requireFit(given, inputs);
      const temporary: number[] = [];
      try {
        const ids = inputNames.map((name) => {
          const [id = -1] = tensorIds([given[name] as tf.Tensor]);
          const { dtype } = inputs[name] as SavedModelTensor;
          const own = binding.specOf(id).dtype;
          if (own === dtype) return id;
          temporary.push(...binding.run('Cast', [id], castAttributes(own, dtype), 1));
          return temporary.at(-1) ?? -1;
        });
        const results = binding.runSavedModel(session, ids, nodes(inputs), nodes(outputs));
        return Object.fromEntries(outputNames.map((name, index) => [name, wrapTensor(results[index]?.id ?? -1)]));
      } finally {
        for (const id of temporary) binding.deleteTensor(id);
      }
    },
    dispose: () => {
      isDisposed = true;
      registry.unregister(model);
      binding.deleteSavedModel(session);
    },
  };
  registry.register(model, session, model);
  return model;
}

/** A model that is garbage is freed too. */
const registry = new FinalizationRegistry<number>((session) => {
  binding.deleteSavedModel(session);
});

const nodes = (tensors: Readonly<Record<string, SavedModelTensor>>): string =>
  Object.values(tensors)
    .map(({ node }) => node)
    .join(',');

function requireFit(
  given: Readonly<Record<string, tf.Tensor>>,
  inputs: Readonly<Record<string, SavedModelTensor>>,
): void {
  const received = Object.entries(given).map(([name, { dtype, shape }]) => `${name}: ${dtype}[${shape.join(', ')}]`);
  const fits =
    received.length === Object.keys(inputs).length &&
    Object.entries(inputs).every(([name, { dtype, shape }]) => {
      const tensor = given[name];
      if (tensor?.dtype !== tfjsDtype(dtype)) return false;
      return (
        shape === undefined ||
        (shape.length === tensor.rank && shape.every((size, axis) => size === null || size === tensor.shape[axis]))
      );
    });
  if (fits) return;
  const expected = Object.entries(inputs).map(
    ([name, { dtype, shape }]) =>
      `${name}: ${tfjsDtype(dtype)}${shape === undefined ? ' of any shape' : `[${shape.map((size) => size ?? 'any').join(', ')}]`}`,
  );
  throw new TrainbookError({
    what: 'predict: the tensors are not what the SavedModel takes',
    received: received.join('; ') || 'no tensor',
    expected: expected.join('; '),
  });
}

type Signature = Pick<SavedModel, 'inputs' | 'outputs'>;

/** The messages of `saved_model.proto` as google-protobuf reads them: the part that is used here. */
interface TensorInfoMessage {
  getName(): string;
  getDtype(): number;
  getTensorShape(): { getUnknownRank(): boolean; getDimList(): readonly { getSize(): number | string }[] } | undefined;
}
interface ByName<Message> {
  forEach(visit: (message: Message, name: string) => void): void;
}
interface SignatureMessage {
  getInputsMap(): ByName<TensorInfoMessage>;
  getOutputsMap(): ByName<TensorInfoMessage>;
}
interface GraphMessage {
  getMetaInfoDef(): { getTagsList(): string[] };
  getSignatureDefMap(): ByName<SignatureMessage>;
}
interface Messages {
  readonly SavedModel: { deserializeBinary(bytes: Uint8Array): { getMetaGraphsList(): readonly GraphMessage[] } };
}

async function readSignature(folder: string, tags: readonly string[], signature: string): Promise<Signature> {
  const graphs = await readGraphs(join(folder, 'saved_model.pb'));
  const wanted = [...tags].sort().join(', ');
  const tagsOf = (graph: GraphMessage): string => [...graph.getMetaInfoDef().getTagsList()].sort().join(', ');
  const graph = graphs.find((candidate) => tagsOf(candidate) === wanted);
  if (graph === undefined) {
    throw new TrainbookError({
      what: `loadSavedModel: ${folder} has no graph with these tags`,
      received: wanted,
      expected: graphs.map((candidate) => `"${tagsOf(candidate)}"`).join(' or '),
      fix: 'pass them as tags: […]',
    });
  }
  const signatures = entriesOf(graph.getSignatureDefMap()).filter(([name]) => name !== '__saved_model_init_op');
  const message = signatures.find(([name]) => name === signature)?.[1];
  if (message === undefined) {
    throw new TrainbookError({
      what: `loadSavedModel: ${folder} has no such signature`,
      received: signature,
      expected: signatures.map(([name]) => name).join(' or ') || 'one signature at least',
      fix: "pass it as signature: '…'; Python's tf.saved_model.save takes signatures={…}",
    });
  }
  return { inputs: tensorsOf(folder, message.getInputsMap()), outputs: tensorsOf(folder, message.getOutputsMap()) };
}

async function readGraphs(file: string): Promise<readonly GraphMessage[]> {
  const { SavedModel } = kernelLayer('proto/api_pb') as Messages;
  try {
    return SavedModel.deserializeBinary(await readFile(file)).getMetaGraphsList();
  } catch (cause) {
    throw new TrainbookError({
      what: 'loadSavedModel: no SavedModel can be read here',
      received: `${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a folder with saved_model.pb and variables/',
      fix: "write it by Python's tf.saved_model.save(model, folder); models of safetensors are read by loadModel",
      cause,
    });
  }
}

function tensorsOf(folder: string, messages: ByName<TensorInfoMessage>): Record<string, SavedModelTensor> {
  return Object.fromEntries(
    entriesOf(messages)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, message]) => {
        if (message.getName() === '') {
          throw new TrainbookError({
            what: `loadSavedModel: ${name} of ${folder} is sparse or ragged`,
            expected: 'signatures of dense tensors',
          });
        }
        const shape = message.getTensorShape();
        const sizes =
          shape?.getUnknownRank() === false ? shape.getDimList().map((size) => Number(size.getSize())) : undefined;
        return [
          name,
          {
            node: message.getName(),
            dtype: dtypeOf(message.getDtype()),
            shape: sizes?.map((size) => (size < 0 ? null : size)),
          },
        ];
      }),
  );
}

function entriesOf<Message>(messages: ByName<Message>): [string, Message][] {
  const entries: [string, Message][] = [];
  messages.forEach((message, name) => entries.push([name, message]));
  return entries;
}
