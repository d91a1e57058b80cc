import { readFileSync } from 'node:fs';
import { TrainbookError } from '../error.js';
import { currentDevice } from './device.js';

/**
 * The number format of matrix products: float32; TF32, whose factors an NVIDIA GPU (from Ampere on) rounds to 10 bits of mantissa as it
 * reads them; or half floats, to which factors are cast before. Sums are float32 in all. Everything else (weights, reductions, normalisation, losses, optimizer state) stays
 * float32: this is a policy of what is traced or executed, not a dtype of tensors.
 */
export type Precision = 'float32' | 'tf32' | 'bfloat16' | 'float16';

/** The formats in which factors are cast before a product. TF32 is not one: the device rounds float32 factors as it reads them. */
export const castFormats = ['bfloat16', 'float16'] as const satisfies readonly Precision[];
export type CastFormat = (typeof castFormats)[number];

/** What factors are cast to; undefined where they stay float32. */
export function castOf(precision: Precision): CastFormat | undefined {
  return castFormats.find((format) => format === precision);
}

/** The ops that the policy rounds the inputs of. */
export const matrixProducts: ReadonlySet<string> = new Set(['MatMul', 'BatchMatMul', 'BatchMatMulV2', 'Conv2D']);

let policy: Precision = 'float32';

/** The policy in force. */
export function currentPrecision(): Precision {
  return policy;
}

/**
 * Runs `fn` with matrix products in the given precision.
 *
 * bfloat16 needs a GPU, a TPU, or (by TensorFlow) a CPU with `avx512_bf16` or `amx_bf16`: elsewhere it would be emulated, slower than
 * float32 and no smaller where it matters, so it is refused. `emulated: true` accepts that, to look at the numerics.
 *
 * @example
 * const loss = withPrecision('bfloat16', () => crossEntropy(forward(model, batch.inputs), batch.targets));
 */
export function withPrecision<Result>(
  precision: Precision,
  fn: () => Result,
  { emulated = false }: { readonly emulated?: boolean } = {},
): Result {
  if (!emulated) requireDevice(precision);
  const outer = policy;
  policy = precision;
  try {
    return fn();
  } finally {
    policy = outer;
  }
}

/** @throws TrainbookError where the device in force would only emulate the precision. */
function requireDevice(precision: Precision): void {
  if (precision === 'float32') return;
  const device = currentDevice();
  if (precision === 'tf32') {
    requireTf32(device);
    return;
  }
  if (device === 'tensorflow') requireHardware(precision);
  if (!device.startsWith('cpu:')) return;
  throw new TrainbookError({
    what: `precision: the CPU plugin only emulates ${precision}, many times slower than float32`,
    received: `${precision} on ${device}`,
    expected: "a GPU or TPU, or device 'tensorflow' on a CPU with such arithmetic",
    fix: `use precision 'float32' here, or pass { emulated: true } to study the numerics`,
  });
}

/** Products with factors of 10 bits of mantissa are NVIDIA's, from Ampere on: 2020, "NVIDIA A100 Tensor Core GPU Architecture". */
function requireTf32(device: string): void {
  if (device.startsWith('cuda:')) return;
  throw new TrainbookError({
    what: 'precision: TF32 is a format of NVIDIA GPUs',
    received: `tf32 on ${device}`,
    expected: 'a device of CUDA',
    fix: "use precision 'float32' here, or pass { emulated: true }, which computes whole products",
  });
}

/** What of the CPU serves low precision, from the kernel's list of its features; empty where the system has no such list. */
export function lowPrecisionFeatures(cpuinfo = readCpuinfo()): string[] {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  return ['avx512_bf16', 'amx_bf16', 'avx512_fp16', 'amx_fp16'].filter((feature) => flags.has(feature));
}

/** @throws TrainbookError where the CPU would only emulate the precision. */
export function requireHardware(precision: CastFormat, features = lowPrecisionFeatures()): void {
  const needed = precision === 'bfloat16' ? ['avx512_bf16', 'amx_bf16'] : ['avx512_fp16', 'amx_fp16'];
  if (needed.some((feature) => features.includes(feature))) return;
  throw new TrainbookError({
    what: `precision: this CPU has no ${precision} arithmetic, it would be emulated and slower than float32`,
    received: `CPU features ${features.length === 0 ? '(none for low precision)' : features.join(', ')}`,
    expected: `one of ${needed.join(', ')}`,
    fix: `use precision 'float32' here, or pass { emulated: true } to study the numerics`,
  });
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return ''; // not Linux: no list of features to read
  }
}
