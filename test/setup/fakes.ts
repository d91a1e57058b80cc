import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A fresh folder whose name has a space and Chinese letters, as users' folders do. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'trainbook 设置 '));
}

/** An executable shell script. */
export function script(path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A Python that answers the question of `findPython` and makes environments whose Python is `environmentPython`. */
export function fakePython(path: string, version: string, hasVenv: boolean, environmentPython = 'exit 0'): string {
  return script(
    path,
    `case "$1" in
      -c) echo "${version} ${hasVenv ? 'True' : 'False'}";;
      -m) mkdir -p "$3/bin"; cat > "$3/bin/python" <<'SCRIPT'
#!/bin/sh
${environmentPython}
SCRIPT
        chmod 755 "$3/bin/python";;
    esac`,
  );
}
