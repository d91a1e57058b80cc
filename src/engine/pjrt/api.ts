import { existsSync } from 'node:fs';
import koffi from 'koffi';
import { TrainbookError } from '../../error.js';
import { quietly } from '../capi.js';
import { layout } from './layout.js';
import { PjrtError } from './pjrt-error.js';
import { Struct } from './struct.js';
import type { StructName } from './struct.js';

/** The functions that take `<name>_Args` and return an error or null. */
export type FunctionName = Exclude<keyof typeof layout.functions, 'PJRT_Error_Destroy' | 'PJRT_Error_Message'>;
type ArgsOf<Name extends FunctionName> = `${Name}_Args` & StructName;

/** All functions of the API have this one form: `PJRT_Error* f(Args*)`. Addresses go as numbers, which costs half of what pointers do. */
export interface NativeFunction {
  (args: number): number | bigint;
  async(args: number, done: (error: unknown, result: number | bigint) => void): void;
}

/** The table of functions that a plugin gives, checked against the version that our table of offsets is made for. */
export interface Api {
  readonly path: string;
  readonly version: { readonly major: number; readonly minor: number };
  /** Buffers that were made and not freed yet. */
  readonly live: { buffers: number };
  /** Calls a function; `args` holds its results afterwards. Throws a PjrtError. */
  call<Name extends FunctionName>(name: Name, args: Struct<ArgsOf<Name>>): Struct<ArgsOf<Name>>;
  /** The same off the JavaScript thread. */
  callAsync<Name extends FunctionName>(name: Name, args: Struct<ArgsOf<Name>>): Promise<Struct<ArgsOf<Name>>>;
  /** A function by itself, for calls at every step; what it returns goes to `check`. */
  native(name: FunctionName): NativeFunction;
  /** Where a function lies, for other threads. */
  pointer(name: FunctionName): bigint;
  /** Throws the PjrtError that a function returned, if it did. */
  check(name: FunctionName, returned: number | bigint): void;
}

const pjrtFunction = koffi.proto('uintptr_t PjrtFunction(uintptr_t args)');
const loaded = new Map<string, Api>();

/**
 * Loads a plugin (a shared library that exports `GetPjrtApi`) and checks its version. A plugin is loaded once and stays
 * until the process ends: plugins run threads of their own, which would crash if their code went away.
 *
 * @throws TrainbookError when the file is missing, is not a PJRT plugin or is older than our table.
 * @example
 * const api = loadApi('/path/of/pjrt_c_api_cpu_plugin.so');
 */
export function loadApi(path: string): Api {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const api = open(path);
  loaded.set(path, api);
  return api;
}

function open(path: string): Api {
  if (!existsSync(path)) {
    throw new TrainbookError({
      what: 'pjrt: the plugin does not exist',
      received: path,
      fix: 'set TRAINBOOK_PJRT_PLUGIN to the path of a PJRT plugin (a .so file)',
    });
  }
  const library = quietly(() => {
    pin(path);
    return koffi.load(path);
  });
  let table: bigint;
  try {
    table = (library.func('void* GetPjrtApi()') as () => bigint)();
  } catch (cause) {
    throw new TrainbookError({ what: 'pjrt: the library exports no GetPjrtApi', received: path, cause });
  }
  const version = {
    major: koffi.decode(table, layout.api.major_version, 'int') as number,
    minor: koffi.decode(table, layout.api.minor_version, 'int') as number,
  };
  const size = Number(koffi.decode(table, layout.api.struct_size, 'size_t'));
  checkVersion(path, version, size);
  const functions = new Map<string, NativeFunction>();
  const native = (name: keyof typeof layout.functions): NativeFunction => {
    const existing = functions.get(name);
    if (existing !== undefined) return existing;
    const made = koffi.decode(pointer(name), pjrtFunction) as NativeFunction;
    functions.set(name, made);
    return made;
  };
  const pointer = (name: keyof typeof layout.functions): bigint => {
    const found = koffi.decode(table, layout.functions[name], 'void*') as bigint | null;
    if (found === null) {
      throw new TrainbookError({
        what: `pjrt: the plugin lacks ${name}`,
        received: path,
        expected: 'a plugin that has it',
        fix: 'install another version of the plugin, or name another one in TRAINBOOK_PJRT_PLUGIN',
      });
    }
    return found;
  };
  const check = (name: string, returned: number | bigint): void => {
    if (returned !== 0 && returned !== 0n) throw readError(native, { operation: name, path, returned });
  };
  const api: Api = {
    path,
    version,
    live: { buffers: 0 },
    call: (name, args) => {
      check(name, native(name)(args.sizedFor(version.minor).address));
      return args;
    },
    callAsync: async (name, args) => {
      const error = await new Promise<number | bigint>((resolve, reject) => {
        native(name).async(args.sizedFor(version.minor).address, (failure, result) => {
          if (failure instanceof Error) reject(failure);
          else resolve(result);
        });
      });
      check(name, error);
      return args;
    },
    native,
    pointer,
    check,
  };
  api.call('PJRT_Plugin_Initialize', new Struct('PJRT_Plugin_Initialize_Args'));
  return api;
}

/**
 * Refuses a plugin whose functions lie elsewhere than in our table, or whose table ends before them. Between the versions that are
 * served only new functions and fields came: see `layout.grown`.
 */
export function checkVersion(path: string, version: { major: number; minor: number }, tableSize: number): void {
  const { major, minor } = layout.oldest;
  const needed = Math.max(...Object.values(layout.functions)) + 8;
  if (version.major === major && version.minor >= minor && tableSize >= needed) return;
  const older = version.major < major || version.minor < minor;
  throw new TrainbookError({
    what: `pjrt: the plugin ${path} speaks a version of the PJRT API that we do not`,
    received: `${version.major}.${version.minor}, a table of ${tableSize} bytes`,
    expected: `${major}.${minor} or newer within ${major}.x, a table of at least ${needed} bytes`,
    fix: older
      ? 'install a newer plugin'
      : 'install another plugin, or make src/engine/pjrt/layout.ts anew from its pjrt_c_api.h (see layout.c)',
  });
}

/** Opens the library so that it is never unloaded: koffi unloads what it loaded when the process ends, while threads of the plugin still run in it (a crash). */
function pin(path: string): void {
  if (process.platform === 'win32') return;
  const self = koffi.load(null);
  const dlopen = self.func('void* dlopen(const char* path, int flags)') as (
    path: string,
    flags: number,
  ) => bigint | null;
  const dlerror = self.func('const char* dlerror()') as () => string | null;
  const now = 2;
  const noDelete = process.platform === 'darwin' ? 0x80 : 0x1000;
  if (dlopen(path, now | noDelete) !== null) return;
  throw new TrainbookError({
    what: 'pjrt: the plugin does not load',
    received: dlerror() ?? path,
    expected: 'a PJRT plugin for this system and processor, with the libraries that it needs beside it',
  });
}

/** The text and the code of a PJRT_Error, which is freed. */
function readError(
  native: (name: keyof typeof layout.functions) => NativeFunction,
  { operation, path, returned }: { operation: string; path: string; returned: number | bigint },
): PjrtError {
  const message = new Struct('PJRT_Error_Message_Args').set('error', returned);
  native('PJRT_Error_Message')(message.address);
  const code = new Struct('PJRT_Error_GetCode_Args').set('error', returned);
  native('PJRT_Error_GetCode')(code.address);
  const text = message.text('message', 'message_size');
  const read = new PjrtError(operation.replace('PJRT_', ''), code.number('code'), text, path);
  native('PJRT_Error_Destroy')(new Struct('PJRT_Error_Destroy_Args').set('error', returned).address);
  return read;
}
