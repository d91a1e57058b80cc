// Writing: documents → files that `load` reads back as the same documents.
export { writeDocuments, type WriteDocumentsOptions, type WrittenFile } from './write-documents.js';
export type { WriteFormat } from './encoders.js';
export type { WriteCompression } from './pack.js';
