import { Stop } from './stop.mjs';

/** The oldest Node that is tested; `engines` of package.json says the same. */
export const oldestNode = [20, 19];

/**
 * Stops where Node is older than 20.19 (the first 20 that lets CommonJS load ES modules).
 * @param {string} version such as `20.19.4`
 */
export function checkNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new Stop({
    what: 'trainbook: this Node is too old',
    received: `Node ${version} (${process.execPath})`,
    expected: `Node ${oldestNode.join('.')} or later; 22 and 24 are fine`,
    fix: 'install a current Node from https://nodejs.org, or: nvm install 22 && nvm use 22',
  });
}
