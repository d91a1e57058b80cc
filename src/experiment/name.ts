import { TrainbookError } from '../error.js';

// What Windows, macOS or a shell would stumble over; letters of every script are fine.
const unsafe = /[\u0000-\u001f\u007f/\\:*?"<>|]/u;
const devices = /^(con|prn|aux|nul|com\d|lpt\d)$/iu;
const maxBytes = 100; // file systems allow 255 bytes; ids and endings are appended to names

/**
 * Names of experiments and stages become names of folders and files: throws unless `name` can be one on every system.
 *
 * @example
 * checkName('stage', '语料'); // fine
 * checkName('stage', 'a/b'); // TrainbookError
 */
export function checkName(what: string, name: string): void {
  const reason =
    name === ''
      ? 'it is empty'
      : unsafe.test(name)
        ? 'it has one of / \\ : * ? " < > | or a control character'
        : /^[.\s-]|[.\s]$/u.test(name)
          ? 'it begins with a dot, space or dash, or ends with a dot or space'
          : devices.test(name) || name === '__proto__'
            ? 'the system keeps this name for itself'
            : Buffer.byteLength(name) > maxBytes
              ? `it has more than ${maxBytes} bytes`
              : name !== name.normalize('NFC')
                ? 'it is not in Unicode normal form C'
                : undefined;
  if (reason === undefined) return;
  throw new TrainbookError({
    what: `${what}: this name cannot be a file's name: ${reason}`,
    received: JSON.stringify(name),
    expected: 'letters, digits, spaces, dots, dashes and underscores, such as base or 语料',
    fix: 'choose another name',
  });
}
