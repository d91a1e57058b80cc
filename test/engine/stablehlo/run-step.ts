import { binding } from '../../../src/engine/backend.js';
import type { StatefulTrace } from '../../../src/engine/compile.js';
import type { PjrtBuffer } from '../../../src/engine/pjrt/buffer.js';
import { stableHlo } from '../../../src/engine/stablehlo/stable-hlo.js';
import type { Elements } from '../../../src/engine/trace.js';
import { testClient } from '../pjrt/cpu-plugin.js';

/**
 * Runs a stateful step on the plugin, from the values that its cells have now. The state stays on the device: each step takes over the memory of
 * the state before. `argumentsOf` gives the inputs of a step that are not state, in order; the first output is the loss. Eager tensors that it
 * captures are put beside the state.
 */
export async function lossesByPjrt(
  { trace, cells, captured }: StatefulTrace,
  numSteps: number,
  argumentsOf: (step: number) => readonly Elements[],
): Promise<number[]> {
  const client = testClient();
  const donated = new Map(
    cells.flatMap(({ input, output }) => (output === undefined ? [] : [[input, output] as const])),
  );
  const program = await client.compile(stableHlo({ trace, cells, captured }), { donated: donated.keys() });
  const state = new Map<number, PjrtBuffer>();
  for (const { cell, input } of cells) state.set(input, client.put(cell.spec, await cell.data()));
  for (const [input, id] of captured) {
    state.set(input, client.put(binding.specOf(id), binding.tensorDataSync(id) as Elements));
  }
  const losses: number[] = [];
  for (let step = 0; step < numSteps; step++) {
    const given = [...argumentsOf(step)];
    const temporary: PjrtBuffer[] = [];
    const inputs = trace.inputs.map((value, position) => {
      const held = state.get(position);
      if (held !== undefined) return held;
      const [spec, elements] = [trace.values[value], given.shift()];
      if (spec === undefined || elements === undefined) throw new Error(`no value for input ${position}`);
      const buffer = client.put(spec, elements);
      temporary.push(buffer);
      return buffer;
    });
    const outputs = await program.execute(inputs);
    for (const [input, output] of donated) {
      const buffer = outputs[output];
      if (buffer !== undefined) state.set(input, buffer);
    }
    const [loss] = outputs;
    losses.push(Number((await loss?.read())?.[0] ?? NaN));
    for (const buffer of [...temporary, ...(loss === undefined ? [] : [loss])]) buffer.destroy();
  }
  for (const buffer of state.values()) buffer.destroy();
  program.destroy();
  return losses;
}
