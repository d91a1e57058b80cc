/** A link from one device to another: bytes a second in one direction, and seconds until the first byte arrives. */
export interface Link {
  readonly bandwidth: number;
  readonly latency: number;
}

/** What one device of a cluster can do, by its maker's numbers. */
export interface DeviceKind {
  /** Floating-point operations a second of matrix products, dense (without sparsity). */
  readonly flops: { readonly float32: number; readonly bfloat16: number };
  /** Bytes. */
  readonly memory: number;
  /** Bytes a second. */
  readonly memoryBandwidth: number;
  /** Devices of one machine, or of one torus, and what joins them. */
  readonly machine: { readonly devices: number; readonly link: Link };
  readonly source: string;
}

const nvlink = (bandwidth: number): Link => ({ bandwidth, latency: 5e-6 });

/** The chip of H100, H800 and H200, which differ in memory and links. */
const hopper = { flops: { float32: 494.7e12, bfloat16: 989.4e12 }, memory: 80e9, memoryBandwidth: 3.35e12 };

/**
 * Kinds of devices. One of your own is a value of the same form: `planMesh(model, { kind: { ...deviceKinds.H100, memory: 94e9 } })`.
 * NVLink's numbers in data sheets are of both directions together; here they are of one. float32 products are those in TF32 for GPUs.
 */
export const deviceKinds = {
  A100: {
    flops: { float32: 156e12, bfloat16: 312e12 },
    memory: 80e9,
    memoryBandwidth: 2.039e12,
    machine: { devices: 8, link: nvlink(300e9) },
    source: 'NVIDIA A100 80GB SXM data sheet, 2021',
  },
  H100: {
    ...hopper,
    machine: { devices: 8, link: nvlink(450e9) },
    source: 'NVIDIA H100 SXM data sheet, 2023',
  },
  H800: {
    ...hopper,
    machine: { devices: 8, link: nvlink(200e9) },
    source: 'an H100 with NVLink of 400 GB/s: DeepSeek-AI 2024 (2412.19437) measured 160 GB/s of one direction',
  },
  H200: {
    ...hopper,
    memory: 141e9,
    memoryBandwidth: 4.8e12,
    machine: { devices: 8, link: nvlink(450e9) },
    source: 'NVIDIA H200 SXM data sheet, 2024',
  },
  B200: {
    flops: { float32: 1.125e15, bfloat16: 2.25e15 },
    memory: 180e9,
    memoryBandwidth: 8e12,
    machine: { devices: 8, link: nvlink(900e9) },
    source: 'NVIDIA DGX B200 data sheet, 2024: an eighth of the machine',
  },
  'TPU v4': {
    flops: { float32: 275e12 / 6, bfloat16: 275e12 },
    memory: 32e9,
    memoryBandwidth: 1.2e12,
    machine: { devices: 4096, link: { bandwidth: 100e9, latency: 1e-6 } },
    source: 'Jouppi 2023 (2304.01433); one axis of the torus, both ways round',
  },
  'TPU v5p': {
    flops: { float32: 459e12 / 6, bfloat16: 459e12 },
    memory: 95e9,
    memoryBandwidth: 2.765e12,
    machine: { devices: 8960, link: { bandwidth: 200e9, latency: 1e-6 } },
    source: 'Google Cloud, TPU v5p: 1,200 GB/s over six links in both directions; one axis, both ways round',
  },
} as const satisfies Readonly<Record<string, DeviceKind>>;

/** What joins machines, for each of their devices. */
export const networks = {
  /** InfiniBand NDR, 400 Gb/s a device. */
  'InfiniBand 400': { bandwidth: 50e9, latency: 5e-6 },
  /** InfiniBand HDR, 200 Gb/s a device. */
  'InfiniBand 200': { bandwidth: 25e9, latency: 5e-6 },
  /** 100 Gb/s a machine of eight devices. */
  'Ethernet 100': { bandwidth: 100e9 / 8 / 8, latency: 30e-6 },
  /** 10 Gb/s a machine of eight devices. */
  'Ethernet 10': { bandwidth: 10e9 / 8 / 8, latency: 50e-6 },
} as const satisfies Readonly<Record<string, Link>>;
