/** The few protocol buffers that TensorFlow's C API takes are written by hand: fields one after another, in any order. */

/** A field that holds an integer. */
export function integerField(number: number, value: number): Buffer {
  return Buffer.from([...varint(number << 3), ...varint(value)]);
}

/** A field that holds text, or a message: its own fields. */
export function bytesField(number: number, ...content: readonly (string | Uint8Array)[]): Buffer {
  const parts = content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part));
  const bytes = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
