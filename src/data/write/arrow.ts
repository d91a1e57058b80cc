import type { Schema as ArrowSchema } from 'apache-arrow';
import { batchesOf } from './batches.js';
import type { Encoder } from './encoders.js';

/** An Arrow IPC file (Feather), a record batch a batch. */
export const encodeArrow: Encoder = async function* (documents) {
  const {
    Field,
    RecordBatch,
    RecordBatchFileWriter,
    RecordBatchWriter,
    Schema,
    Struct,
    Utf8,
    makeData,
    vectorFromArray,
  } = await import('apache-arrow');
  /** Hands on what it writes, instead of holding it to the end. */
  class PartsWriter extends RecordBatchFileWriter {
    private parts: Uint8Array[] = [];

    protected override _write(chunk: ArrayBufferView): this {
      const part = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (!this._started || part.length === 0) return this;
      this.parts.push(part);
      this._position += part.length;
      return this;
    }

    /** Files have the schema as a message, too, so that they are read as streams; Arrow's own writer leaves it out. */
    protected override _writeSchema(schema: ArrowSchema): this {
      super._writeSchema(schema);
      return RecordBatchWriter.prototype['_writeSchema'].call(this, schema) as this;
    }

    taken(): readonly Uint8Array[] {
      const { parts } = this;
      this.parts = [];
      return parts;
    }
  }
  const schema = new Schema(names.map((name, index) => new Field(name, new Utf8(), index >= 4)));
  const writer = new PartsWriter({ autoDestroy: false });
  writer.reset(undefined, schema); // begins the file, if only to end it
  for await (const columns of batchesOf(documents)) {
    const children = names.map((name) => {
      const [data] = vectorFromArray(columns[name], new Utf8()).data;
      if (data === undefined) throw new Error('a column without data');
      return data;
    });
    const data = makeData({ type: new Struct(schema.fields), length: columns.id.length, nullCount: 0, children });
    writer.write(new RecordBatch(schema, data));
    yield* writer.taken();
  }
  writer.finish();
  yield* writer.taken();
};

const names = ['id', 'text', 'source', 'domain', 'language', 'title', 'meta'] as const;
