/** How a program is compiled: the fields of XLA's CompileOptionsProto that we set. */

/** Flags of XLA by name, such as `{ xla_cpu_enable_fast_min_max: false }`. */
export type XlaFlags = Readonly<Record<string, boolean | number | string>>;

export interface ProgramOptions {
  /** Inputs whose memory the program takes over. */
  readonly donated?: Iterable<number>;
  /** How many copies of the program run side by side. Default: 1. */
  readonly replicas?: number;
  /** Into how many parts the program is cut. Default: 1. */
  readonly partitions?: number;
  /** Whether XLA's partitioner cuts the program, by the shardings that its text has. Default: where there are partitions. */
  readonly spmd?: boolean;
  /** Ids of the devices: all replicas of the first partition, then of the next. Default: the first devices of the client. */
  readonly devices?: readonly number[];
  /** In place of, and beside, those that each platform has (`platformFlags`). */
  readonly flags?: XlaFlags;
}

/**
 * What XLA must be told: on the CPU it would lose NaNs in minimum and maximum; on GPUs it would take kernels whose sums depend on the
 * order in which threads arrive, and a training that is resumed must give the same weights.
 */
export const platformFlags: Readonly<Record<string, XlaFlags>> = {
  cpu: { xla_cpu_enable_fast_min_max: false },
  cuda: { xla_gpu_exclude_nondeterministic_ops: true },
};

/** A serialised CompileOptionsProto. */
export function compileOptions(options: ProgramOptions, flags: XlaFlags): Buffer {
  const { replicas = 1, partitions = 1, devices } = options;
  const { spmd = partitions > 1 } = options;
  const build = [varint(4, replicas), varint(5, partitions), ...(spmd ? [varint(6, 1)] : [])];
  if (devices !== undefined) build.push(bytes(9, assignment(replicas, partitions, devices)));
  const overrides = Object.entries(flags).map(([name, value]) =>
    bytes(7, Buffer.concat([bytes(1, Buffer.from(name)), bytes(2, override(value))])),
  );
  return Buffer.concat([bytes(3, Buffer.concat(build)), ...overrides]);
}

/** DeviceAssignmentProto: replica_count (1), computation_count (2), for each computation its replicas' device ids (3, 1). */
function assignment(replicas: number, partitions: number, devices: readonly number[]): Buffer {
  if (devices.length !== replicas * partitions) {
    throw new Error(`pjrt: ${devices.length} devices for ${replicas} replicas of ${partitions} partitions`);
  }
  const computations = Array.from({ length: partitions }, (_, index) =>
    bytes(3, Buffer.concat(devices.slice(index * replicas, (index + 1) * replicas).map((id) => varint(1, id)))),
  );
  return Buffer.concat([varint(1, replicas), varint(2, partitions), ...computations]);
}

/** OptionOverrideProto: string (1), bool (2), int (3), double (4). */
function override(value: boolean | number | string): Buffer {
  if (typeof value === 'string') return bytes(1, Buffer.from(value));
  if (typeof value === 'boolean') return varint(2, Number(value));
  if (Number.isInteger(value)) return varint(3, value);
  const double = Buffer.alloc(9);
  double[0] = (4 << 3) | 1;
  double.writeDoubleLE(value, 1);
  return double;
}

/** A field that holds bytes: tag, length, content. */
function bytes(field: number, content: Uint8Array): Buffer {
  return Buffer.concat([varintOf((field << 3) | 2), varintOf(content.length), content]);
}

/** A field that holds an integer ≥ 0. */
function varint(field: number, value: number): Buffer {
  return Buffer.concat([varintOf(field << 3), varintOf(value)]);
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. */
function varintOf(value: number): Buffer {
  const digits: number[] = [];
  let rest = BigInt(value);
  do {
    digits.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(digits);
}
