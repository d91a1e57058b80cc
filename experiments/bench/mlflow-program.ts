import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A Python that has MLflow: `TRAINBOOK_MLFLOW_PYTHON`, else that of `.venv`; undefined where neither has. */
export function mlflowPython(): string | undefined {
  const own = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
  const python = process.env['TRAINBOOK_MLFLOW_PYTHON'] ?? (existsSync(own) ? own : undefined);
  if (python === undefined) return undefined;
  try {
    execFileSync(python, ['-c', 'import importlib.util as u, sys; sys.exit(u.find_spec("mlflow") is None)']);
    return python;
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

export interface MlflowProgram {
  readonly uri: string;
  /** Its database, a file of SQLite. */
  readonly database: string;
  /** Ends it and all that it started. */
  close(): Promise<void>;
}

/** Starts a tracking server on loopback with a database and artifacts of its own. */
export async function startMlflow(python: string): Promise<MlflowProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-mlflow-'));
  const port = await freePort();
  const uri = `http://127.0.0.1:${port}`;
  const database = join(folder, 'mlflow.db');
  const places = ['--backend-store-uri', `sqlite:///${database}`, '--artifacts-destination', join(folder, 'files')];
  const args = ['-m', 'mlflow', 'server', ...places, '--host', '127.0.0.1', '--port', String(port), '--workers', '1'];
  const child = spawn(python, args, { cwd: folder, stdio: 'ignore', detached: true });
  const ended = new Promise<void>((done) =>
    child.once('close', () => {
      done();
    }),
  );
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const close = async (): Promise<void> => {
    if (child.pid !== undefined && !hasEnded()) process.kill(-child.pid, 'SIGTERM'); // its group: the workers too
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (const began = performance.now(); performance.now() - began < 180_000;) {
    if (hasEnded()) break;
    const isUp = await fetch(`${uri}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return { uri, database, close };
    await sleep(250);
  }
  await close();
  throw new Error(`the MLflow of ${python} did not start`);
}
