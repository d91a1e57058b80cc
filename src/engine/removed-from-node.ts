/**
 * Two functions of `node:util` that tfjs-node's JavaScript calls. Node 23 has them no more, Node 22 warns of them: importing this file
 * puts them in place.
 */
Object.assign(process.getBuiltinModule('node:util'), {
  isArray: Array.isArray,
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
});
