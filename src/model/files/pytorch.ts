import { TrainbookError } from '../../error.js';
import { closedOnRefusal, fileSource, readBytes } from './byte-source.js';
import type { ByteSource } from './byte-source.js';
import { unpickle } from './pickle.js';
import type { PickleValue } from './pickle.js';
import { globalName, isTensorView, longestPickle, stateDictHost } from './pytorch-objects.js';
import type { Refuse, Storage, TensorView, Unpickled } from './pytorch-objects.js';
import { readLegacy } from './pytorch-legacy.js';
import { storedTensor } from './stored-tensor.js';
import type { MetadataValue, StoredTensor, TensorEntry, TensorFile } from './stored-tensor.js';
import { readStrided } from './strided.js';
import { zipDirectory } from './zip-directory.js';
import type { StoredEntry } from './zip-directory.js';

/*
 * What torch.save({'weight': …}, 'model.pth') writes since PyTorch 1.6: a zip archive, nothing compressed,
 *
 * model/data.pkl     the pickle of the dict, with the storages' keys in place of their bytes (`pytorch-objects.ts`)
 * model/byteorder    little
 * model/data/0       the bytes of the storage '0'
 */

/**
 * Opens a file of `torch.save`: a state dict, or a checkpoint that holds some. The pickle is read by a machine that knows
 * what state dicts need and runs no code; the tensors are read when asked for.
 *
 * Names: the keys on the way to a tensor, joined by dots; places in a list count from 0. So `{'model': {'a.weight': …},
 * 'step': 3}` has the tensor `model.a.weight` and the metadata `step`. Numbers, texts, and lists of these are metadata, under
 * names made in the same way. Attributes of dicts (a state dict's `_metadata`) are left out.
 *
 * @throws TrainbookError if the file is missing, damaged, big-endian, or names anything but plain data and tensors.
 * @example
 * const file = await openPyTorch('pytorch_model.bin');
 * const weight = await file.tensors.get('encoder.weight')?.read();
 * await file.close();
 */
export async function openPyTorch(path: string): Promise<TensorFile> {
  return closedOnRefusal(await fileSource(path, 'a file of torch.save'), pytorchFrom);
}

/** The file that a source of bytes is; it belongs to the file from now on. */
export async function pytorchFrom(source: ByteSource): Promise<TensorFile> {
  const refuse = refusal(source);
  const first = Buffer.from(await readBytes(source, 0, Math.min(2, source.size))).toString('latin1');
  const { value, position } = first === 'PK' ? await readArchive(source, refuse) : await readLegacy(source, refuse);
  if (!(value instanceof Map)) throw refuse('it holds no dict', typeName(value), 'a dict of tensors by name');

  const { views, metadata } = named(value, refuse);
  const tensors = new Map<string, TensorEntry>();
  for (const [name, view] of views) {
    const { dtype, shape } = view;
    const begin = position(view.storage); // now: a storage that is missing is refused on opening
    const read = async (): Promise<StoredTensor> => storedTensor(dtype, shape, await readStrided(source, begin, view));
    tensors.set(name, { dtype, storedAs: dtype, shape, read });
  }
  return { tensors, metadata, close: () => source.close() };
}

const refusal =
  ({ name }: ByteSource): Refuse =>
  (problem, received, expected) =>
    new TrainbookError({ what: `${name} is not read as a file of torch.save: ${problem}`, received, expected });

async function readArchive(source: ByteSource, refuse: Refuse): Promise<Unpickled> {
  let entries: ReadonlyMap<string, StoredEntry>;
  try {
    entries = await zipDirectory(source);
  } catch (cause) {
    throw refuse(
      'its zip archive cannot be read',
      String(cause),
      'a whole archive, nothing compressed: torch.save(model.state_dict(), path), no TorchScript program',
    );
  }
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const root = pickles[0]?.slice(0, -'data.pkl'.length);
  const pickle = entries.get(pickles[0] ?? '');
  if (root === undefined || pickle === undefined || pickles.length > 1) {
    throw refuse('it has not one data.pkl', pickles.join(', '), 'one, as torch.save writes it');
  }
  const order = entries.get(`${root}byteorder`);
  if (order !== undefined) {
    const word = Buffer.from(await readBytes(source, order.position, Math.min(order.size, 16))).toString('latin1');
    if (word !== 'little') throw refuse('its byte order is not little-endian', word, 'little');
  }
  if (pickle.size > longestPickle) {
    throw refuse('its pickle is too long', `${pickle.size} bytes`, `at most ${longestPickle} bytes`);
  }
  const host = stateDictHost(refuse);
  const bytes = await readBytes(source, pickle.position, pickle.size);
  const { value, end } = unpickle(bytes, 0, host);
  if (end !== bytes.length) throw refuse('its pickle is followed by more', `${bytes.length - end} bytes`, 'none');
  const position = ({ key, numBytes }: Storage): number => {
    const entry = entries.get(`${root}data/${key}`);
    if (entry?.size !== numBytes) {
      throw refuse(`the storage ${key} is not whole`, `${entry?.size ?? 'no'} bytes`, `${numBytes} bytes`);
    }
    return entry.position;
  };
  return { value, position };
}

const typeName = (value: PickleValue): string =>
  Array.isArray(value) ? 'a list' : isTensorView(value) ? 'a tensor' : value === null ? 'None' : typeof value;

/** Lists and dicts below each other, values and the characters of a name, at most: few bytes can stand for endless trees. */
const deepest = 100;
const mostValues = 1_000_000;
const longestName = 10_000;

/** The tensors and the plain values of a tree by their names. */
function named(
  root: PickleValue,
  refuse: Refuse,
): { views: ReadonlyMap<string, TensorView>; metadata: ReadonlyMap<string, MetadataValue> } {
  const views = new Map<string, TensorView>();
  const metadata = new Map<string, MetadataValue>();
  let numVisited = 0;
  const visit = (value: PickleValue, name: string, depth: number): void => {
    if (depth > deepest || ++numVisited > mostValues || name.length > longestName) {
      throw refuse(
        'its dicts hold each other, or too much',
        `${name.slice(0, 100)}…`,
        `${deepest} levels, ${mostValues} values, ${longestName} characters in a name`,
      );
    }
    if (isTensorView(value)) {
      if (views.has(name)) throw refuse('two tensors have one name', name, 'each name once');
      views.set(name, value);
      return;
    }
    const plain = plainValue(value);
    if (plain !== undefined) {
      if (metadata.has(name)) throw refuse('two values have one name', name, 'each name once');
      metadata.set(name, plain);
      if (Array.isArray(plain)) numVisited += plain.length;
      return;
    }
    const items = Array.isArray(value) ? value.entries() : value instanceof Map ? value.entries() : undefined;
    if (items === undefined)
      throw refuse(`${name} is neither a tensor nor plain`, typeof value, 'a tensor or a number');
    for (const [key, item] of items) {
      const word = typeof key === 'string' ? key : JSON.stringify(key); // or a number: others `unpickle` refuses
      visit(item, depth === 0 ? word : `${name}.${word}`, depth + 1);
    }
  };
  visit(root, '', 0);
  return { views, metadata };
}

/** A number, text, list of such, or the name of a dtype; undefined for all else. */
function plainValue(value: PickleValue): MetadataValue | undefined {
  if (value === null || typeof value !== 'object') return value;
  if (!Array.isArray(value)) return globalName(value);
  const isFlat = value.every((item) => item === null || typeof item !== 'object');
  return isFlat ? ([...value] as MetadataValue[]) : undefined;
}
