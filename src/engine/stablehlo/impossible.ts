/**
 * Ops that have no rule and cannot have one, with the reason: a program for a device has static shapes, numbers only, and no state but
 * its arguments.
 */
export const impossible: Readonly<Record<string, string>> = {
  Where: 'its shape depends on the data (how many elements are true)',
  UniqueV2: 'its shape depends on the data (how many elements differ)',
  NonMaxSuppressionV3: 'its shape depends on the data (how many boxes stay)',
  DecodeJpeg: 'it reads a string, and its shape depends on the data (the size of the picture)',
  DecodePng: 'it reads a string, and its shape depends on the data (the size of the picture)',
  DecodeBmp: 'it reads a string, and its shape depends on the data (the size of the picture)',
  DecodeGif: 'it reads a string, and its shape depends on the data (the size of the picture)',
  EncodeJpeg: 'it gives a string',
  EncodePng: 'it gives a string',
  StaticRegexReplace: 'it reads and gives strings',
  Multinomial: "it draws from a generator of TensorFlow's own that has state: use the functions of keys (categorical)",
};
