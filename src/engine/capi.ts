/**
 * TensorFlow's C API by koffi: only declarations. The one place where types are what a foreign function interface gives
 * (pointers are bigints); `binding.ts` and `tensorflow/` wrap it.
 */
import { closeSync, openSync } from 'node:fs';
import { devNull, totalmem } from 'node:os';
import koffi from 'koffi';
import type { DType } from './trace.js';

/** A pointer into native memory; 0n or null is none. */
export type Pointer = bigint;

/** An output of an operation in a TF_Graph. */
export interface GraphOutput {
  readonly oper: Pointer;
  readonly index: number;
}

/** TF_DataType by our names. */
export const typeNumbers: Readonly<Record<DType, number>> = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  float16: 19,
  resource: 20,
  uint32: 22,
  uint64: 23,
};

const namesByNumber = new Map(Object.entries(typeNumbers).map(([name, number]) => [number, name as DType]));

/** Our name of a TF_DataType. */
export function dtypeOf(number: number): DType {
  const name = namesByNumber.get(number);
  if (name === undefined) throw new Error(`internal: TensorFlow's data type ${number} has no name here`);
  return name;
}

const prototypes = {
  version: 'const char* TF_Version()',
  newStatus: 'void* TF_NewStatus()',
  deleteStatus: 'void TF_DeleteStatus(void* s)',
  code: 'int TF_GetCode(void* s)',
  message: 'const char* TF_Message(void* s)',
  allocateTensor: 'void* TF_AllocateTensor(int dtype, const int64_t* dims, int numDims, size_t bytes)',
  tensorData: 'void* TF_TensorData(void* t)',
  tensorBytes: 'size_t TF_TensorByteSize(void* t)',
  tensorElements: 'int64_t TF_TensorElementCount(void* t)',
  deleteTensor: 'void TF_DeleteTensor(void* t)',
  bitcast: 'void TF_TensorBitcastFrom(void* from, int dtype, void* to, const int64_t* dims, int numDims, void* s)',
  stringInit: 'void TF_StringInit(void* s)',
  stringCopy: 'void TF_StringCopy(void* s, const char* bytes, size_t size)',
  stringData: 'void* TF_StringGetDataPointer(const void* s)',
  stringSize: 'size_t TF_StringGetSize(const void* s)',
  stringDealloc: 'void TF_StringDealloc(void* s)',
  // Eager.
  newContextOptions: 'void* TFE_NewContextOptions()',
  setConfig: 'void TFE_ContextOptionsSetConfig(void* o, const uint8_t* proto, size_t length, void* s)',
  deleteContext: 'void TFE_DeleteContext(void* ctx)',
  deleteContextOptions: 'void TFE_DeleteContextOptions(void* o)',
  newContext: 'void* TFE_NewContext(void* o, void* s)',
  listDevices: 'void* TFE_ContextListDevices(void* ctx, void* s)',
  deviceCount: 'int TF_DeviceListCount(void* list)',
  deviceName: 'const char* TF_DeviceListName(void* list, int index, void* s)',
  deviceType: 'const char* TF_DeviceListType(void* list, int index, void* s)',
  deleteDeviceList: 'void TF_DeleteDeviceList(void* list)',
  newOp: 'void* TFE_NewOp(void* ctx, const char* name, void* s)',
  deleteOp: 'void TFE_DeleteOp(void* op)',
  resetOp: 'void TFE_OpReset(void* op, const char* name, const char* device, void* s)',
  addInput: 'void TFE_OpAddInput(void* op, void* h, void* s)',
  opType: 'void TFE_OpSetAttrType(void* op, const char* n, int v)',
  opTypes: 'void TFE_OpSetAttrTypeList(void* op, const char* n, const int* v, int num)',
  opInt: 'void TFE_OpSetAttrInt(void* op, const char* n, int64_t v)',
  opInts: 'void TFE_OpSetAttrIntList(void* op, const char* n, const int64_t* v, int num)',
  opFloat: 'void TFE_OpSetAttrFloat(void* op, const char* n, float v)',
  opFloats: 'void TFE_OpSetAttrFloatList(void* op, const char* n, const float* v, int num)',
  opBool: 'void TFE_OpSetAttrBool(void* op, const char* n, uint8_t v)',
  opString: 'void TFE_OpSetAttrString(void* op, const char* n, const char* v, size_t length)',
  opShape: 'void TFE_OpSetAttrShape(void* op, const char* n, const int64_t* dims, int numDims, void* s)',
  execute: 'void TFE_Execute(void* op, void* returns, void* numReturns, void* s)', // void**, int*: typed arrays, which koffi does not copy
  newHandle: 'void* TFE_NewTensorHandle(void* t, void* s)',
  deleteHandle: 'void TFE_DeleteTensorHandle(void* h)',
  shareHandle: 'void* TFE_TensorHandleCopySharingTensor(void* h, void* s)',
  resolve: 'void* TFE_TensorHandleResolve(void* h, void* s)',
  handleType: 'int TFE_TensorHandleDataType(void* h)',
  handleRank: 'int TFE_TensorHandleNumDims(void* h, void* s)',
  handleSize: 'int64_t TFE_TensorHandleDim(void* h, int axis, void* s)',
  newExecutor: 'void* TFE_NewExecutor(uint8_t isAsync, uint8_t streaming, int inFlightLimit)',
  setExecutor: 'void TFE_ContextSetExecutorForThread(void* ctx, void* executor)',
  getExecutor: 'void* TFE_ContextGetExecutorForThread(void* ctx)',
  waitExecutor: 'void TFE_ExecutorWaitForAllPendingNodes(void* executor, void* s)',
  clearExecutor: 'void TFE_ExecutorClearError(void* executor)',
  addFunction: 'void TFE_ContextAddFunction(void* ctx, void* fn, void* s)',
  removeFunction: 'void TFE_ContextRemoveFunction(void* ctx, const char* name, void* s)',
  // Collectives.
  enableCollectives: 'void TFE_EnableCollectiveOps(void* ctx, const uint8_t* serverDef, size_t length, void* s)',
  abortCollectives: 'void TFE_AbortCollectiveOps(void* ctx, void* reason)',
  setStatus: 'void TF_SetStatus(void* s, int code, const char* message)',
  // Graphs.
  newGraph: 'void* TF_NewGraph()',
  deleteGraph: 'void TF_DeleteGraph(void* g)',
  newOperation: 'void* TF_NewOperation(void* g, const char* type, const char* name)',
  finishOperation: 'void* TF_FinishOperation(void* d, void* s)',
  nodeInput: 'void TF_AddInput(void* d, TF_Output o)',
  nodeInputList: 'void TF_AddInputList(void* d, const TF_Output* o, int num)',
  nodeControl: 'void TF_AddControlInput(void* d, void* operation)',
  nodeType: 'void TF_SetAttrType(void* d, const char* n, int v)',
  nodeTypes: 'void TF_SetAttrTypeList(void* d, const char* n, const int* v, int num)',
  nodeInt: 'void TF_SetAttrInt(void* d, const char* n, int64_t v)',
  nodeInts: 'void TF_SetAttrIntList(void* d, const char* n, const int64_t* v, int num)',
  nodeFloat: 'void TF_SetAttrFloat(void* d, const char* n, float v)',
  nodeFloats: 'void TF_SetAttrFloatList(void* d, const char* n, const float* v, int num)',
  nodeBool: 'void TF_SetAttrBool(void* d, const char* n, uint8_t v)',
  nodeString: 'void TF_SetAttrString(void* d, const char* n, const char* v, size_t length)',
  nodeShape: 'void TF_SetAttrShape(void* d, const char* n, const int64_t* dims, int numDims)',
  nodeTensor: 'void TF_SetAttrTensor(void* d, const char* n, void* t, void* s)',
  nodeFunction: 'void TF_SetAttrFuncName(void* d, const char* n, const char* v, size_t length)',
  setShape: 'void TF_GraphSetTensorShape(void* g, TF_Output o, const int64_t* dims, int numDims, void* s)',
  copyFunction: 'void TF_GraphCopyFunction(void* g, void* fn, void* grad, void* s)',
  toFunction:
    'void* TF_GraphToFunctionWithControlOutputs(void* g, const char* name, uint8_t appendHash, int numOps, void* ops, int numInputs, const TF_Output* inputs, int numOutputs, const TF_Output* outputs, void* outputNames, int numControls, const void** controls, void* controlNames, void* opts, const char* description, void* s)',
  deleteFunction: 'void TF_DeleteFunction(void* fn)',
  operationByName: 'void* TF_GraphOperationByName(void* g, const char* name)',
  numOutputs: 'int TF_OperationNumOutputs(void* operation)',
  // Sessions: graphs of a SavedModel with their state.
  newSessionOptions: 'void* TF_NewSessionOptions()',
  deleteSessionOptions: 'void TF_DeleteSessionOptions(void* o)',
  setSessionConfig: 'void TF_SetConfig(void* o, const uint8_t* proto, size_t length, void* s)',
  loadSession:
    'void* TF_LoadSessionFromSavedModel(void* o, void* run, const char* folder, const char** tags, int numTags, void* g, void* meta, void* s)',
  sessionRun:
    'void TF_SessionRun(void* session, void* run, const TF_Output* inputs, const void** values, int numInputs, const TF_Output* outputs, void* results, int numOutputs, void* targets, int numTargets, void* meta, void* s)',
  closeSession: 'void TF_CloseSession(void* session, void* s)',
  deleteSession: 'void TF_DeleteSession(void* session, void* s)',
} as const;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the signatures are the C prototypes above
export type Native = ((...args: any[]) => any) & { async: (...args: any[]) => void };

/** The C API's functions by short names; each has `.async`, which runs it on a thread of libuv's pool. */
export type CApi = Readonly<Record<keyof typeof prototypes, Native>>;

let outputStruct: unknown;

/**
 * Loads both libraries (the framework first: the other one needs its symbols) and binds every function.
 *
 * @throws Error where a library does not load or lacks a function, with the loader's own words.
 */
export function loadCApi(framework: string, cc: string): CApi {
  // Memory is kept for the next call. The C library's allocator gives a step's hundreds of megabytes back to the system each time,
  // and the page faults of getting them again took 14% of a GPT step. What the user has set stays.
  process.env.TF_CPU_ALLOCATOR_USE_BFC ??= 'true';
  process.env.TF_CPU_BFC_MEM_LIMIT_IN_MB ??= String(Math.floor(totalmem() / 2 ** 20));
  const libraries = quietly(() => [koffi.load(framework, { global: true }), koffi.load(cc, { global: true })]);
  stayLoaded(framework);
  stayLoaded(cc);
  outputStruct ??= koffi.struct('TF_Output', { oper: 'void*', index: 'int' });
  const bind = (prototype: string): Native => {
    let failure: unknown;
    for (const library of libraries) {
      try {
        return library.func(prototype);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
  return Object.fromEntries(Object.entries(prototypes).map(([name, prototype]) => [name, bind(prototype)])) as CApi;
}

/**
 * Loads a TensorFlow without its messages, unless `TRAINBOOK_DEBUG` is set. It logs to stderr from C++, and reports "oneDNN custom
 * operations are on" while it is loaded (on CPUs with AVX-512), before any setting of its log level holds: meanwhile the process's stderr
 * is closed to native code.
 */
export function quietly<R>(load: () => R): R {
  const isQuiet = process.env.TRAINBOOK_DEBUG === undefined;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= isQuiet ? '3' : '0';
  return isQuiet ? withoutStderr(load) : load();
}

function withoutStderr<R>(task: () => R): R {
  if (process.platform === 'win32') return task();
  const library = koffi.load(null);
  const duplicate = library.func('int dup(int fd)') as (fd: number) => number;
  const replace = library.func('int dup2(int from, int to)') as (from: number, to: number) => number;
  const [stderr, nowhere] = [duplicate(2), openSync(devNull, 'w')];
  replace(nowhere, 2);
  try {
    return task();
  } finally {
    replace(stderr, 2);
    closeSync(stderr);
    closeSync(nowhere);
  }
}

/** koffi unloads what it loaded when the process ends, while TensorFlow's threads still run in it: a crash. So never unload. */
function stayLoaded(path: string): void {
  const dlopen = koffi.load(null).func('void* dlopen(const char* path, int flags)') as (
    path: string,
    flags: number,
  ) => unknown;
  const now = 2;
  const noDelete = process.platform === 'darwin' ? 0x80 : 0x1000;
  if (process.platform !== 'win32') dlopen(path, now | noDelete);
}

/** A view, not a copy, of native memory. */
export function viewMemory(pointer: Pointer, numBytes: number): ArrayBuffer {
  return koffi.view(pointer, numBytes);
}
