/**
 * The Jupyter kernel `trainbook`: tslab on stock TypeScript, strict, with `using` and top-level `for await`.
 *
 * Built to `dist/kernel.cjs` and started by Jupyter. Its `kernel.json` is
 * ```json
 * { "argv": ["<node>", "<root>/dist/kernel.cjs", "--config-path", "{connection_file}"],
 *   "display_name": "trainbook", "language": "typescript", "interrupt_mode": "signal" }
 * ```
 * where `<node>` is the absolute path of the Node that set it up and `<root>` the folder of the package.
 */
const at = process.argv.indexOf('--config-path');
const configPath = at < 0 ? undefined : process.argv[at + 1];
if (configPath === undefined) {
  console.error(
    'trainbook kernel: started without --config-path\n  to fix: start it from Jupyter, such as by `npm run lab`',
  );
  process.exitCode = 2;
} else {
  import('./kernel/start.js')
    .then(({ startKernel }) => {
      startKernel(configPath);
    })
    .catch((cause: unknown) => {
      console.error(cause instanceof Error ? cause.message : cause);
      process.exitCode = 1;
    });
}
