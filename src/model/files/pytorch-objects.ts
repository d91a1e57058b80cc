import type { PickleHost, PickleObject, PickleValue } from './pickle.js';
import { arrays, numElements } from './stored-tensor.js';
import type { Dtype } from './stored-tensor.js';

/*
 * What the pickle of a state dict names: {'weight': torch.tensor([[1., 2.]])} is
 *
 * {'weight': torch._utils._rebuild_tensor_v2(storage, 0, (1, 2), (2, 1), False, OrderedDict())}
 *
 * where the storage is the persistent id ('storage', torch.FloatStorage, '0', 'cpu', 2): type, key, device, elements.
 */

/** The error for a file that does not fit. */
export type Refuse = PickleHost['refuse'];

/** The longest pickle that is read, 64 MB: that of a state dict has some 200 bytes for each tensor. */
export const longestPickle = 64_000_000;

/** Pickled values and where in the file each storage's bytes begin, whichever the format. */
export interface Unpickled {
  readonly value: PickleValue;
  readonly position: (storage: Storage) => number;
}

/** Bytes that tensors look into; several may share them. */
export interface Storage extends PickleObject {
  readonly kind: 'storage';
  readonly key: string;
  /** Bytes without a dtype say it in the tensor. */
  readonly dtype: Dtype | undefined;
  readonly numBytes: number;
}

/** A view of a storage: element [i, j] lies at offset + i·strides[0] + j·strides[1], in elements. */
export interface TensorView extends PickleObject {
  readonly kind: 'tensor';
  readonly storage: Storage;
  readonly dtype: Dtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const storageTypes: Readonly<Record<string, Dtype>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const dtypeNames: Readonly<Record<string, Dtype>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

/** The dtype of `torch.FloatStorage`, `torch.float32`. */
const dtypesByName: ReadonlyMap<string, Dtype> = new Map(
  [...Object.entries(storageTypes), ...Object.entries(dtypeNames)].map(([name, dtype]) => [`torch.${name}`, dtype]),
);

const isKind = (value: PickleValue | undefined, kind: string): value is PickleObject =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;

export const isTensorView = (value: PickleValue | undefined): value is TensorView => isKind(value, 'tensor');
const isStorage = (value: PickleValue | undefined): value is Storage => isKind(value, 'storage');

/** The name of a global, such as `torch.float16`. */
export function globalName(value: PickleValue | undefined): string | undefined {
  return isKind(value, 'global') && 'name' in value ? String(value.name) : undefined;
}

const isSize = (value: PickleValue | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isSizes = (value: PickleValue | undefined): value is number[] => Array.isArray(value) && value.every(isSize);

/** The host for pickles of `torch.save`, and the storages that a pickle has named, by key. */
export function stateDictHost(refuse: Refuse): PickleHost & { readonly storages: Map<string, Storage> } {
  const storages = new Map<string, Storage>();
  const rebuild = (
    [storage, offset, shape, strides, ...rest]: readonly PickleValue[],
    named?: PickleValue,
  ): TensorView => {
    const dtype = isStorage(storage) ? (storage.dtype ?? dtypesByName.get(globalName(named) ?? '')) : undefined;
    if (!isStorage(storage) || !isSize(offset) || !isSizes(shape) || !isSizes(strides) || rest.length > 4) {
      throw refuse('the pickle builds a tensor of wrong parts', 'other values', 'storage, offset, size and strides');
    }
    if (dtype === undefined) {
      throw refuse(
        'a tensor has a dtype that is not read',
        globalName(named) ?? 'none',
        [...Object.keys(dtypeNames)].join(', '),
      );
    }
    return checkedView({ kind: 'tensor', storage, dtype, offset, shape, strides }, refuse);
  };
  const globals: PickleHost['globals'] = new Map<string, ((args: readonly PickleValue[]) => PickleValue) | undefined>([
    [
      'collections.OrderedDict',
      (args) => {
        if (args.length > 0) throw refuse('the pickle makes an OrderedDict of arguments', `${args.length}`, 'none');
        return new Map();
      },
    ],
    ['torch._utils._rebuild_tensor', (args) => rebuild(args.slice(0, 4))],
    ['torch._utils._rebuild_tensor_v2', (args) => rebuild(args.slice(0, 7))],
    ['torch._utils._rebuild_tensor_v3', (args) => rebuild(args.slice(0, 6), args[6])],
    [
      'torch._utils._rebuild_parameter',
      ([data]) => {
        if (!isTensorView(data)) throw refuse('the pickle makes a parameter of no tensor', typeof data, 'a tensor');
        return data;
      },
    ],
    [
      'torch.Size',
      ([sizes]) => {
        if (!isSizes(sizes)) throw refuse('the pickle makes a size of no numbers', typeof sizes, 'whole numbers');
        return sizes;
      },
    ],
    [
      'torch.device',
      ([name, index]) => {
        if (typeof name !== 'string') throw refuse('the pickle makes a device of no name', typeof name, 'a text');
        return typeof index === 'number' ? `${name}:${index}` : name;
      },
    ],
    ...['torch.storage.UntypedStorage', 'torch.UntypedStorage', ...dtypesByName.keys()].map(
      (name): [string, undefined] => [name, undefined],
    ),
    // Names of dtypes that are refused where a tensor has them.
    ...['uint16', 'uint32', 'uint64', 'complex64', 'complex128', 'float8_e4m3fn', 'float8_e5m2'].map(
      (name): [string, undefined] => [`torch.${name}`, undefined],
    ),
  ]);
  return { globals, storages, refuse, persistent: (id) => storageOf(id, storages, refuse) };
}

/** ('storage', torch.FloatStorage, '0', 'cpu', 2), of the legacy format with None behind it. */
function storageOf(id: PickleValue, storages: Map<string, Storage>, refuse: Refuse): Storage {
  const [word, type, key, , size, view = null] = Array.isArray(id) ? id : [];
  const typeName = globalName(type) ?? '';
  const isUntyped = typeName.endsWith('.UntypedStorage');
  const dtype = dtypesByName.get(typeName);
  if (word !== 'storage' || typeof key !== 'string' || !isSize(size) || (dtype === undefined && !isUntyped)) {
    throw refuse('the pickle names a storage wrongly', typeName, 'a type, a key, a device and a size');
  }
  if (view !== null) throw refuse('the storage is a view of another', key, 'a storage of its own');
  const numBytes = size * (dtype === undefined ? 1 : arrays[dtype].BYTES_PER_ELEMENT);
  const known = storages.get(key);
  if (known !== undefined && known.numBytes !== numBytes) {
    throw refuse(`the storage ${key} is given two sizes`, `${numBytes} bytes`, `${known.numBytes} bytes`);
  }
  const storage: Storage = { kind: 'storage', key, dtype, numBytes };
  storages.set(key, storage);
  return storage;
}

/** A view whose elements all lie in its storage, and that has no more of them than the storage. */
function checkedView(view: TensorView, refuse: Refuse): TensorView {
  const { storage, dtype, offset, shape, strides } = view;
  const capacity = Math.floor(storage.numBytes / arrays[dtype].BYTES_PER_ELEMENT);
  const size = numElements(shape);
  if (size === undefined || shape.length !== strides.length || shape.length > 64) {
    throw refuse(
      'a tensor has an impossible shape',
      `[${shape.slice(0, 8).join(', ')}]`,
      'sizes, and a stride for each',
    );
  }
  const last = shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] ?? 0), offset);
  if (size > 0 && !(last < capacity)) {
    throw refuse('a tensor reaches out of its storage', `element ${last}`, `${capacity} elements`);
  }
  if (size > capacity) {
    throw refuse(
      'a tensor repeats its storage (expanded)',
      `${size} of ${capacity} elements`,
      'tensor.contiguous() before torch.save',
    );
  }
  return view;
}
