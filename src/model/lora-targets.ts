import { treeEntries } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { namesOf } from './config-file.js';
import type { Decoder } from './decoder.js';
import type { LoraConfig } from './lora-options.js';
import { namedTensors } from './names.js';
import type { WeightSpec } from './weights.js';

/*
 * A module of Hugging Face's is one linear layer of ours, or several side by side:
 *
 * model.layers.0.self_attn.q_proj   layers.0.attention.query              16 → 16
 * transformer.h.0.attn.c_attn       layers.0.attention.query+key+value    16 → 16 + 16 + 16
 */

/** A linear layer that can have an update, as files have it. */
export interface LoraTarget {
  /** Its name in an adapter's tree: the path of the layer, or of several, `layers.0.attention.query+key+value`. */
  readonly key: string;
  /** Its name in Hugging Face's files, without `.weight`. */
  readonly module: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether files have its matrix as [inputs, outputs]. */
  readonly inputsFirst: boolean;
}

/** All linear layers of a model's blocks. The matrices that read and write tokens are tables, and not among them, as in PEFT. */
export function linearModules(architecture: Decoder): LoraTarget[] {
  const specs = new Map(treeEntries<WeightSpec>(architecture.specs));
  return namedTensors(architecture.specs, namesOf(architecture)).flatMap(({ name, paths, turned }) => {
    const shapes = paths.map((path) => specs.get(path)?.shape ?? []);
    const isLinear = paths.every((path) => /^layers\..*\.weight$/.test(path)) && shapes[0]?.length === 2;
    if (!isLinear) return [];
    return [
      {
        key: keyOf(paths.map((path) => path.slice(0, -'.weight'.length))),
        module: name.slice(0, -'.weight'.length),
        inputs: shapes[0]?.[0] ?? 0,
        outputs: shapes.reduce((sum, [, outputs = 0]) => sum + outputs, 0),
        inputsFirst: !turned,
      },
    ];
  });
}

/** Paths that differ in their last name alone as one key. */
function keyOf(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  return [first, ...others.map((path) => path.slice(path.lastIndexOf('.') + 1))].join('+');
}

/** The paths of a key: `a.b+c` is `a.b` and `a.c`. */
export function pathsOfKey(key: string): string[] {
  const [first = '', ...others] = key.split('+');
  const before = first.slice(0, first.lastIndexOf('.') + 1);
  return [first, ...others.map((name) => before + name)];
}

/**
 * The linear layers that names mean: a name is a module's, or the end of one (`q_proj` is that of every layer), as in PEFT.
 *
 * @throws TrainbookError for a name that no module has; it lists those that the model has.
 */
export function loraTargets(architecture: Decoder, targets: LoraConfig['targets']): LoraTarget[] {
  const modules = linearModules(architecture);
  if (targets === 'all-linear') return modules;
  const isNamed = ({ module }: LoraTarget, name: string): boolean => module === name || module.endsWith(`.${name}`);
  const unknown = targets.filter((name) => !modules.some((module) => isNamed(module, name)));
  if (unknown.length > 0) {
    throw new TrainbookError({
      what: 'lora: the model has no linear layer of this name',
      received: unknown.join(', '),
      expected: `one of ${lastNames(modules).join(', ')}; a whole name such as ${modules[0]?.module ?? ''}; or 'all-linear'`,
    });
  }
  return modules.filter((module) => targets.some((name) => isNamed(module, name)));
}

/** The last parts of modules' names, each once, sorted: `k_proj`, `o_proj`, … */
export function lastNames(modules: readonly LoraTarget[]): string[] {
  return [...new Set(modules.map(({ module }) => module.slice(module.lastIndexOf('.') + 1)))].sort();
}
