import { defineCommand } from 'citty';
import { type Check, diagnose } from '../setup/diagnosis.js';

export const doctor = defineCommand({
  meta: { name: 'doctor', description: 'Say what is here, what is missing, and the command that mends it' },
  args: { json: { type: 'boolean', description: 'Print all as one JSON value' } },
  async run({ args }) {
    const { checks, removal } = await diagnose();
    const healthy = checks.every(({ state }) => state !== 'missing');
    if (args.json === true) {
      process.stdout.write(`${JSON.stringify({ healthy, checks, removal })}\n`);
      return healthy ? 0 : 1;
    }
    const width = Math.max(...checks.map(({ name }) => name.length));
    for (const check of checks) process.stdout.write(checkText(check, width));
    process.stdout.write('\nTo remove what the set-up made:\n');
    for (const { path, megabytes, command } of removal)
      process.stdout.write(`  ${command}    ${megabytes} MB, ${path}\n`);
    process.stdout.write(healthy ? '\nAll is well.\n' : '\nSomething is missing: see “to fix” above.\n');
    return healthy ? 0 : 1;
  },
});

const signs = { ok: '✓', note: '·', missing: '✗' } as const;

function checkText({ name, state, value, fix }: Check, width: number): string {
  const line = `${signs[state]} ${name.padEnd(width)}  ${value}\n`;
  return fix === undefined ? line : `${line}${' '.repeat(width + 4)}to fix: ${fix}\n`;
}
