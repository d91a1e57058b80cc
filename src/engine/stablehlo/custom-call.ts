import type { LoweringRule } from './rule.js';
import { typeOf } from './writer.js';

/** How a kernel of the plugin is called. */
export interface CustomCallOptions {
  /** Attributes of the call as MLIR text, such as `{ backend_config: '"fast"', api_version: '4 : i32' }`. Default: none. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/**
 * A rule that calls a kernel which the plugin knows by this name, with the op's inputs, for the op's outputs: an operator that a
 * new chip brings along. `checkLowering` compares it with the library's rule.
 *
 * @example
 * registerLowering('Softmax', customCall('acme.softmax', { attributes: { api_version: '4 : i32' } }));
 */
export function customCall(target: string, { attributes = {} }: CustomCallOptions = {}): LoweringRule {
  const entries = Object.entries(attributes).map(([name, value]) => `${quoted(name)} = ${value}`);
  return (operation, write) => {
    const inputs = operation.inputs();
    const results = operation.outputs.map(typeOf).join(', ');
    return write.emitMany(
      operation.outputs,
      `stablehlo.custom_call @${quoted(target)}(${inputs.map(({ name }) => name).join(', ')}) ` +
        `{${entries.join(', ')}} : (${inputs.map(typeOf).join(', ')}) -> (${results})`,
    );
  };
}

/** A name as MLIR takes it: in quotes where it has other characters than those of a name. */
const quoted = (name: string): string => (/^[A-Za-z_][\w$.]*$/.test(name) ? name : JSON.stringify(name));
