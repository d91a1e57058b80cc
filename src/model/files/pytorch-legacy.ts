import { readBytes } from './byte-source.js';
import type { ByteSource } from './byte-source.js';
import { unpickle } from './pickle.js';
import type { PickleValue } from './pickle.js';
import { longestPickle, stateDictHost } from './pytorch-objects.js';
import type { Refuse, Storage, Unpickled } from './pytorch-objects.js';
import { arrays } from './stored-tensor.js';

/*
 * What torch.save wrote before PyTorch 1.6 (now with _use_new_zipfile_serialization=False), one after another:
 *
 * pickle 0x1950a86a20f9469cfc6c    a magic number
 * pickle 1001                      the version
 * pickle {'protocol_version': 1001, 'little_endian': True, 'type_sizes': …}
 * pickle {'weight': …}             with the storages' keys in place of their bytes
 * pickle ['94712…', …]             the keys, in the order of what follows
 * 8 bytes and more, per storage    the number of elements, and these
 */

const magic = 0x1950a86a20f9469cfc6cn;

/** The pickled value of a legacy file, and where its storages lie. */
export async function readLegacy(source: ByteSource, refuse: Refuse): Promise<Unpickled> {
  const bytes = await readBytes(source, 0, Math.min(source.size, longestPickle));
  const host = stateDictHost(refuse);
  let end = 0;
  const next = (): PickleValue => {
    const pickle = unpickle(bytes, end, host);
    end = pickle.end;
    return pickle.value;
  };
  if (bytes[0] !== 0x80 || next() !== magic) {
    throw refuse('it does not begin as one', 'other bytes', 'a zip archive, or the magic number of the older format');
  }
  const version = next();
  const system = next();
  if (version !== 1001 || !(system instanceof Map) || system.get('little_endian') !== true) {
    throw refuse('its head is not known', 'another version or byte order', 'version 1001, little-endian');
  }
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw refuse('it has no list of storages', typeof keys, 'a list of keys');
  return { value, position: await storagePositions(source, keys, end, host.storages, refuse) };
}

async function storagePositions(
  source: ByteSource,
  keys: readonly PickleValue[],
  start: number,
  storages: ReadonlyMap<string, Storage>,
  refuse: Refuse,
): Promise<(storage: Storage) => number> {
  const positions = new Map<string, number>();
  let position = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || positions.has(storage.key)) {
      throw refuse(
        'its list of storages does not fit',
        storage?.key ?? 'an unknown key',
        'each storage of the pickle once',
      );
    }
    const length = await readBytes(source, position, 8);
    const numElements = Number(new DataView(length.buffer).getBigUint64(0, true));
    const elementSize = storage.dtype === undefined ? 1 : arrays[storage.dtype].BYTES_PER_ELEMENT;
    if (numElements * elementSize !== storage.numBytes || position + 8 + storage.numBytes > source.size) {
      throw refuse(`the storage ${storage.key} is not whole`, `${numElements} elements`, `${storage.numBytes} bytes`);
    }
    positions.set(storage.key, position + 8);
    position += 8 + storage.numBytes;
  }
  if (position !== source.size) {
    throw refuse('it is followed by more', `${source.size - position} bytes`, 'none');
  }
  return ({ key }) => {
    const found = positions.get(key);
    if (found === undefined) throw refuse(`the storage ${key} is not listed`, 'no such key', key);
    return found;
  };
}
