import { readInner, readProtobuf } from '../read-protobuf.js';
import type { ProtobufReader } from '../read-protobuf.js';
import { sizeOf } from '../trace.js';

const kinds = ['all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all', 'collective-permute'] as const;

/** An operation of a compiled program in which devices exchange what they have. */
export interface Collective {
  readonly kind: (typeof kinds)[number];
  /** Of what each device gets; several where one operation moves several tensors. */
  readonly shapes: readonly (readonly number[])[];
  /** Bytes that each device gets. */
  readonly bytes: number;
}

/** Bits of an element by XLA's number of its type (xla_data.proto): bool as a byte, … , bfloat16, complex64. */
const bits: Readonly<Record<number, number>> = {
  1: 8, 2: 8, 3: 16, 4: 32, 5: 64, 6: 8, 7: 16, 8: 32, 9: 64, 10: 16, 11: 32, 12: 64, 15: 64, 16: 16, 18: 128,
}; // prettier-ignore

/**
 * What crosses the mesh at each call of a compiled program, in the order of its text; an operation in a loop is there once. Reads the
 * serialised HloModuleProtoWithConfig that `PjrtExecutable.optimised` gives.
 */
export function collectivesOf(optimised: Uint8Array): Collective[] {
  const found: Collective[] = [];
  const instruction = (reader: ProtobufReader): void => {
    let opcode = '';
    const shapes: { shape: number[]; bytes: number }[] = [];
    readInner(reader, {
      2: (field) => {
        opcode = field.readString();
      },
      3: (field) => {
        shapes.push(...readShape(field));
      },
    });
    const kind = kinds.find((name) => opcode === name || opcode === `${name}-start`);
    if (kind === undefined) return;
    // What is started has its operands and its results in one tuple.
    const results = opcode === `${kind}-start` && shapes.length % 2 === 0 ? shapes.slice(shapes.length / 2) : shapes;
    const bytes = results.reduce((sum, { bytes: own }) => sum + own, 0);
    found.push({ kind, shapes: results.map(({ shape }) => shape), bytes });
  };
  readProtobuf(optimised, {
    1: (module) => {
      readInner(module, {
        3: (computation) => {
          readInner(computation, { 2: instruction });
        },
      });
    },
  });
  return found;
}

/** The arrays of a ShapeProto: itself, or those of the tuple. */
function readShape(reader: ProtobufReader): { shape: number[]; bytes: number }[] {
  let type = 0;
  const shape: number[] = [];
  const parts: { shape: number[]; bytes: number }[] = [];
  readInner(reader, {
    2: (field) => {
      type = field.readInt32();
    },
    3: (field) => {
      shape.push(...field.readPackedInt64());
    },
    4: (field) => {
      parts.push(...readShape(field));
    },
  });
  const isTuple = type === 13;
  return isTuple ? parts : [{ shape, bytes: (sizeOf(shape) * (bits[type] ?? 0)) / 8 }];
}
