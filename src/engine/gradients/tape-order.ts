import * as tf from '@tensorflow/tfjs';

interface TapeNode {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
}

interface Tape {
  readonly state: { readonly activeTape: TapeNode[] };
  addTapeNode: ((this: Tape, ...node: unknown[]) => void) & { readonly ordered?: true };
}

/**
 * Second derivatives through kernels that keep their output for the backward pass (exp, softmax, tanh, sqrt, …).
 *
 * tfjs 4.22 copies a kept output, and puts the copy on its tape, before it puts the kernel itself there. The search for what depends on
 * x runs along the tape, so the copy counts as a constant: d²/dx² of exp(x) loses its term, without an error. Here the kernel is put
 * before the copies of its outputs.
 */
function orderTape(): void {
  const engine = tf.engine() as unknown as Tape;
  const { addTapeNode } = engine;
  if (addTapeNode.ordered === true) return;
  const inOrder = function (this: Tape, ...parts: unknown[]): void {
    addTapeNode.apply(this, parts);
    const tape = this.state.activeTape;
    const node = tape.at(-1);
    if (node === undefined) return;
    const outputs = new Set(node.outputs);
    let place = tape.length - 1;
    // The copies were made while the kernel ran: they are the last nodes before it.
    while (place > 0 && Object.values(tape[place - 1]?.inputs ?? {}).some((input) => outputs.has(input))) place--;
    if (place < tape.length - 1) tape.splice(place, 0, ...tape.splice(-1));
  };
  engine.addTapeNode = Object.assign(inOrder, { ordered: true as const });
}

orderTape();
