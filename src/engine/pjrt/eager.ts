import { TrainbookError } from '../../error.js';
import { stringsOnDevice } from '../host-data.js';
import { currentPrecision } from '../precision.js';
import { rules } from '../rules/index.js';
import { impossible } from '../stablehlo/impossible.js';
import { printStableHlo } from '../stablehlo/print.js';
import type { Attribute, Attributes, Elements, RuleInput, Spec, Trace } from '../trace.js';
import type { Device } from './device.js';
import type { DeviceTensor } from './device-tensor.js';
import { destroyEvent } from './event.js';
import type { PjrtExecutable } from './executable.js';
import { indexChecks } from './index-checks.js';
import type { Launch } from './launch.js';

/** An input of an op that runs at once. */
export interface EagerInput {
  readonly spec: Spec;
  /** Its elements, waited for. */
  elements(): Elements;
  /** The tensor in the device's memory; it moves there if it is elsewhere. */
  onDevice(): DeviceTensor;
}

/** So many programs of one op are kept; the one that was made first goes first. */
const mostPrograms = 4096;

/**
 * Operations one by one where there is no libtensorflow: each is a compiled program of one op. Programs are told apart by the op, its
 * attributes, the specs of its inputs, and the elements of those inputs that decide of the program's form (the axes of a sum).
 */
export class EagerDevice {
  /** By op, attributes and specs: the inputs whose elements are part of the program. */
  private readonly fixedOf = new Map<string, Set<number>>();
  private readonly programs = new Map<string, OneOpProgram>();

  constructor(readonly device: Device) {}

  /**
   * Runs an op; what it makes can be passed on before it is computed.
   *
   * @throws TrainbookError for an op that needs libtensorflow, Error for an index out of range.
   */
  run(name: string, inputs: readonly EagerInput[], attributes: Attributes): DeviceTensor[] {
    for (const { spec } of inputs) if (spec.dtype === 'string') throw stringsOnDevice(this.device.name, spec);
    indexChecks[name]?.(inputs);
    const form = formOf(name, inputs, attributes);
    let fixed = this.fixedOf.get(form);
    if (fixed === undefined) this.fixedOf.set(form, (fixed = new Set()));
    let program = this.programs.get(form + elementsOf(inputs, fixed));
    if (program === undefined) {
      program = new OneOpProgram(this.device, name, inputs, attributes, fixed);
      this.keep(form + elementsOf(inputs, fixed), program);
    }
    return program.run(inputs);
  }

  private keep(key: string, program: OneOpProgram): void {
    this.programs.set(key, program);
    if (this.programs.size <= mostPrograms) return;
    const [first] = this.programs;
    if (first === undefined) return;
    this.programs.delete(first[0]);
    first[1].destroy();
  }
}

/** One op as a program, with memory to call it with. */
class OneOpProgram {
  private readonly executable: PjrtExecutable;
  private readonly launch: Launch;
  /** Which inputs are handed over: those that are not part of the program. */
  private readonly given: readonly number[];
  private readonly outputs: readonly Spec[];

  /** `fixed` learns which inputs' elements the op's rules ask for. */
  constructor(
    private readonly device: Device,
    name: string,
    inputs: readonly EagerInput[],
    attributes: Attributes,
    fixed: Set<number>,
  ) {
    const known = new AskedElements(inputs, fixed);
    this.outputs = specsOf(name, known.ruleInputs, attributes);
    const products = currentPrecision() === 'tf32' ? 'tf32' : 'float32';
    const trace = oneOpTrace(name, inputs, this.outputs, attributes);
    printStableHlo({ ...trace, constants: known }, { products }); // its rule asks for what it needs
    this.given = inputs.flatMap((_, index) => (fixed.has(index) ? [] : [index]));
    const constants = new Map([...fixed].map((index) => [index, known.get(index)] as const));
    const text = printStableHlo({ ...trace, inputs: this.given, constants }, { products });
    const options = { devices: device.places.map(({ id }) => id), flags: device.flags };
    const found = device.cache?.find(device.client, text, options);
    this.executable = found ?? device.client.compileSync(text, options);
    if (found === undefined) device.cache?.keep(device.client, text, options, this.executable);
    this.launch = this.executable.launch(this.given.length);
  }

  run(inputs: readonly EagerInput[]): DeviceTensor[] {
    const { device, launch } = this;
    this.given.forEach((input, place) => {
      launch.setInput(place, inputs[input]?.onDevice().pointer(0) ?? 0);
    });
    destroyEvent(device.functions, launch.run());
    return this.outputs.map((spec, output) => device.adopt([launch.output(output)], spec, device.layoutOf(spec)));
  }

  destroy(): void {
    this.executable.destroy();
  }
}

/** Elements by input, which notes for which of them it was asked. A rule that can do with or without is told that they are not known. */
class AskedElements extends Map<number, Elements> {
  constructor(
    private readonly inputs: readonly EagerInput[],
    private readonly asked: Set<number>,
  ) {
    super();
  }

  override get(index: number): Elements {
    const input = this.inputs[index];
    if (input === undefined) throw new Error(`internal: the op has no input ${index}`);
    this.asked.add(index);
    return input.elements();
  }

  override has(index: number): boolean {
    return this.asked.has(index);
  }

  get ruleInputs(): RuleInput[] {
    return this.inputs.map(({ spec }, index) => {
      const elementsAt = (): Elements => this.get(index);
      return {
        spec,
        get constant() {
          return elementsAt();
        },
      };
    });
  }
}

function specsOf(name: string, inputs: readonly RuleInput[], attributes: Attributes): readonly Spec[] {
  const rule = rules[name];
  const reason = impossible[name];
  if (rule !== undefined && reason === undefined) return rule.infer(inputs, attributes);
  throw new TrainbookError({
    what: `engine: ${name} needs libtensorflow${reason === undefined ? '' : `: ${reason}`}`,
    received: `${name}, where operations run on a device of a plugin`,
    expected: 'an op with static shapes and numbers only',
    fix: 'npx trainbook setup fetches libtensorflow',
  });
}

function oneOpTrace(
  name: string,
  inputs: readonly EagerInput[],
  outputSpecs: readonly Spec[],
  attributes: Attributes,
): Omit<Trace, 'constants'> {
  const places = inputs.map((_, index) => index);
  const outputs = outputSpecs.map((_, index) => inputs.length + index);
  return {
    name,
    values: [...inputs.map(({ spec }) => spec), ...outputSpecs],
    inputs: places,
    outputs,
    nodes: [{ op: name, inputs: places, outputs, attributes }],
  };
}

/** `Sum tf32;T:type=float32;…;float32 8,256;int32 1`. */
function formOf(name: string, inputs: readonly EagerInput[], attributes: Attributes): string {
  const parts = [`${name} ${currentPrecision()}`];
  for (const [key, attribute] of Object.entries(attributes)) parts.push(`${key}:${textOf(attribute)}`);
  for (const { spec } of inputs) parts.push(`${spec.dtype} ${spec.shape.join()}`);
  return parts.join(';');
}

/** Not JSON, which has no infinity. */
function textOf(attribute: Attribute): string {
  if ('trace' in attribute) throw new Error('internal: an op that runs at once has no trace within');
  return Object.entries(attribute)
    .map(([kind, value]) => `${kind}=${String(value)}`)
    .join();
}

function elementsOf(inputs: readonly EagerInput[], fixed: ReadonlySet<number>): string {
  let text = '';
  for (const index of fixed) text += `;${index}=${inputs[index]?.elements().join() ?? ''}`;
  return text;
}
