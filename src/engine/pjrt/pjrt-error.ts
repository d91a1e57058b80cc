import { TrainbookError } from '../../error.js';

/** Of absl's status codes, those that say what to do. */
const codes = {
  invalidArgument: 3,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
} as const;

interface Advice {
  readonly what: string;
  readonly expected?: string;
  readonly fix?: string;
}

/** An error of the plugin, with its own words and what to do about them. `code` is the number of absl's status (3: invalid argument, 8: out of memory …). */
export class PjrtError extends TrainbookError {
  constructor(
    readonly operation: string,
    readonly code: number,
    /** The plugin's own words. */
    readonly detail: string,
    path: string,
  ) {
    const { what, expected, fix } = adviceFor(operation, code, detail, path);
    super({
      what: `pjrt: ${what}`,
      received: `${operation}: ${firstLines(detail)}`,
      ...(expected !== undefined && { expected }),
      ...(fix !== undefined && { fix }),
    });
  }
}

/** The first lines of a message: XLA prints whole programs and stacks below. */
function firstLines(detail: string, count = 12): string {
  const lines = detail.trim().split('\n');
  return lines.length <= count
    ? lines.join('\n')
    : [...lines.slice(0, count), `… (${lines.length - count} more lines)`].join('\n');
}

/** What an error means and what mends it; patterns are words of XLA, CUDA and libtpu. */
function adviceFor(operation: string, code: number, detail: string, path: string): Advice {
  const has = (pattern: RegExp): boolean => pattern.test(detail);
  if (code === codes.resourceExhausted || has(/out of memory|RESOURCE_EXHAUSTED|CUDA_ERROR_OUT_OF_MEMORY/i)) {
    return {
      what: 'the memory of the device is full',
      expected: 'room for weights, optimizer state, activations and what else runs on the device',
      fix: 'a smaller batch or microBatch, recompute: true, or lossChunks; nvidia-smi shows who else holds memory, and TRAINBOOK_GPU_MEMORY_FRACTION how much is taken (0.75)',
    };
  }
  if (operation === 'Client_Create') return adviceForClient(has, path);
  if (
    has(
      /no kernel image|CUDA_ERROR_NO_BINARY_FOR_GPU|unsupported (toolchain|compute capability)|ptxas (does not support|too old)/i,
    )
  ) {
    return {
      what: 'the plugin has no code for this GPU',
      expected: 'a GPU that the plugin knows (CUDA 13: compute capability 7.5 and later)',
      fix: 'npx trainbook setup --cuda12 for an older GPU, --cuda13 for a newer one; a newer driver for a newer GPU',
    };
  }
  if (has(/ptxas|libdevice|nvvm/i) && has(/not found|can't find|Couldn't/i)) {
    return {
      what: 'a tool of CUDA that XLA compiles with is missing',
      expected: 'ptxas and libdevice',
      fix: 'npx trainbook setup --cuda13',
    };
  }
  if (
    has(/cudnn|cublas|cufft|nccl|cusolver/i) &&
    has(/version|not (be )?(found|load)|failed to (load|initialize)|DSO/i)
  ) {
    return {
      what: 'a library of CUDA is missing or of another version than the plugin was built with',
      expected: 'the nvidia packages of the plugin’s own release',
      fix: 'npx trainbook setup --cuda13 (or --cuda12), and no other CUDA in LD_LIBRARY_PATH',
    };
  }
  if (operation === 'Client_Compile') {
    return {
      what:
        code === codes.unimplemented
          ? 'the plugin cannot compile an operation of the program'
          : 'the plugin did not compile the program',
      fix: "compile for TensorFlow (device: 'tensorflow'), or another version of the plugin",
    };
  }
  return { what: 'the plugin reported an error' };
}

function adviceForClient(has: (pattern: RegExp) => boolean, path: string): Advice {
  const isCuda = /cuda/i.test(path);
  if (
    has(
      /driver version is insufficient|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|CUDA_ERROR_UNSUPPORTED_PTX|insufficient for CUDA/i,
    )
  ) {
    return {
      what: "NVIDIA's driver is too old for this CUDA",
      expected: 'driver 580 or later for CUDA 13, 525 or later for CUDA 12 (nvidia-smi says which is there)',
      fix: "npx trainbook setup --cuda12, or a newer driver; device 'tensorflow' goes on without the GPU",
    };
  }
  if (
    has(
      /no visible gpu|no CUDA-capable device|CUDA_ERROR_NO_DEVICE|libcuda|CUDA_ERROR_NOT_INITIALIZED|failed call to cuInit|no NVIDIA GPU/i,
    )
  ) {
    return {
      what: 'no GPU can be seen',
      expected:
        'an NVIDIA GPU and its driver (nvidia-smi lists both), and a CUDA_VISIBLE_DEVICES that does not hide it',
      fix: "install NVIDIA's driver (in a container: start it with --gpus all), or choose device 'tensorflow'",
    };
  }
  if (has(/option|not recognized|Unexpected/i)) {
    return {
      what: 'the plugin does not know an option of its client',
      fix: 'leave the option out; its documentation names those that it knows',
    };
  }
  return {
    what: 'the plugin could not open its devices',
    expected: isCuda
      ? 'an NVIDIA GPU with its driver; nvidia-smi says whether it is there'
      : 'the devices that the plugin is for',
    fix: "choose another device, such as 'tensorflow'",
  };
}
