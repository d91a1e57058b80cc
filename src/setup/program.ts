import { spawn } from 'node:child_process';

export interface ProgramResult {
  /** The exit code; 127 where the program could not be started, 1 where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Runs a program to its end and keeps what it printed; never throws. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.environment ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error) => {
      resolve({ code: 127, stdout: '', stderr: error.message });
    });
    child.on('close', (code) => {
      resolve({
        code: code ?? 1,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    });
  });
}

/** Runs a program that talks to the user: it shares our terminal. Gives its exit code. */
export function runInForeground(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.environment ?? process.env, stdio: 'inherit' });
    const ignore = (): void => undefined; // Ctrl-C reaches the child too; we end when it does
    process.on('SIGINT', ignore);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGINT', ignore);
      resolve(code ?? 1);
    });
  });
}

/** The last lines of what a program printed, for the `received` line of an error. */
export function lastLines({ stdout, stderr, code }: ProgramResult, count = 5): string {
  const lines = (stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-count);
  return lines.join('\n            ') || `it ended with code ${code} and said nothing`;
}
