import { TrainbookError } from '../error.js';
import { runProgram } from './program.js';

/** A Python that can make virtual environments. */
export interface Python {
  readonly command: string;
  /** Such as `3.11.7`. */
  readonly version: string;
}

/** JupyterLab 4.6 and Plotly 7 need Python 3.10. */
export const oldestPython = [3, 10] as const;

/** Tried in this order: what the user calls Python, then Pythons that are installed beside it. */
const commands = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];

/** Prints the version and whether the two modules behind `python -m venv` are there (Debian ships them apart). */
const question = `
import importlib.util, platform
print(platform.python_version(), all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")))
`;

/**
 * Finds a Python of at least 3.10 that has venv: `TRAINBOOK_PYTHON`, or the first on the path.
 *
 * @throws TrainbookError that says which Pythons were seen and what to install
 */
export async function findPython(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Python> {
  const named = environment['TRAINBOOK_PYTHON'];
  const seen: string[] = [];
  let withoutVenv: Python | undefined;
  for (const command of named === undefined || named === '' ? commands : [named]) {
    const { code, stdout } = await runProgram(command, ['-c', question], { environment });
    const [version, hasVenv] = stdout.trim().split(' ');
    if (code !== 0 || version === undefined || !/^\d+\.\d+/.test(version)) continue;
    if (!isRecent(version)) {
      seen.push(`${command} ${version}`);
    } else if (hasVenv !== 'True') {
      seen.push(`${command} ${version} without venv`);
      withoutVenv ??= { command, version };
    } else {
      return { command, version };
    }
  }
  if (withoutVenv !== undefined) {
    throw new TrainbookError({
      what: 'set-up: this Python cannot make virtual environments (its modules venv and ensurepip are missing)',
      received: seen.join(', '),
      expected: `Python ${oldestPython.join('.')} or later with venv`,
      fix: 'Debian and Ubuntu: sudo apt install python3-venv; or name another Python: TRAINBOOK_PYTHON=/path/to/python3',
    });
  }
  throw new TrainbookError({
    what: seen.length === 0 ? 'set-up: no Python found' : 'set-up: this Python is too old',
    received: seen.length === 0 ? `none of ${named ?? commands.join(', ')} runs` : seen.join(', '),
    expected: `Python ${oldestPython.join('.')} or later, for JupyterLab and to fetch libtensorflow`,
    fix: 'Debian and Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python; or TRAINBOOK_PYTHON=/path/to/python3',
  });
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldestPython[0] || (major === oldestPython[0] && minor >= oldestPython[1]);
}
