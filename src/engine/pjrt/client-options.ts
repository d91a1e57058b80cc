import { TrainbookError } from '../../error.js';
import { layout } from './layout.js';
import { Struct } from './struct.js';

/** What a plugin lets one say about its client. Whole numbers go in as int64; where a plugin wants a float, `{ float: 1 }` says so. */
export type ClientOption = string | number | bigint | boolean | readonly number[] | { readonly float: number };

/** Options of a client by name, such as `{ cpu_device_count: 8 }` or `{ memory_fraction: { float: 0.9 }, allocator: 'bfc' }`. */
export type ClientOptions = Readonly<Record<string, ClientOption>>;

export function namedValues(options: ClientOptions): Struct<'PJRT_NamedValue'>[] {
  return Object.entries(options).map(([name, value]) => namedValue(name, value));
}

function namedValue(name: string, value: ClientOption): Struct<'PJRT_NamedValue'> {
  const nameBytes = Buffer.from(name);
  const option = new Struct('PJRT_NamedValue').set('name', nameBytes).set('name_size', nameBytes.length);
  const { namedValueTypes: types } = layout;
  switch (typeof value) {
    case 'string': {
      const text = Buffer.from(value);
      return option.set('type', types.string).set('string_value', text).set('value_size', text.length);
    }
    case 'boolean':
      return option.set('type', types.bool).set('bool_value', value).set('value_size', 1);
    case 'bigint':
      return option.set('type', types.int64).set('int64_value', value).set('value_size', 1);
    case 'number':
      if (!Number.isInteger(value)) return namedValue(name, { float: value });
      return option.set('type', types.int64).set('int64_value', value).set('value_size', 1);
    case 'object': {
      if ('float' in value)
        return option.set('type', types.float).setFloat('float_value', value.float).set('value_size', 1);
      const list = BigInt64Array.from(value, BigInt);
      return option.set('type', types.int64List).set('int64_array_value', list).set('value_size', list.length);
    }
  }
}

/** What the environment says of a client: a table for users, with the platform it is for and the plugin's name for it. */
const variables: readonly {
  readonly variable: string;
  readonly platform: string;
  readonly option: string;
  readonly expected: string;
  readonly read: (text: string) => ClientOption | undefined;
}[] = [
  {
    variable: 'TRAINBOOK_CPU_DEVICES',
    platform: 'cpu',
    option: 'cpu_device_count',
    expected: 'an integer from 1 to 1024: into how many devices the processor is divided',
    read: (text) => (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1024 ? Number(text) : undefined),
  },
  {
    variable: 'TRAINBOOK_GPU_MEMORY_FRACTION',
    platform: 'cuda',
    option: 'memory_fraction',
    expected: 'a number above 0 and at most 1: the part of the GPU’s memory that is taken (0.75)',
    read: (text) => (Number(text) > 0 && Number(text) <= 1 ? { float: Number(text) } : undefined),
  },
  {
    variable: 'TRAINBOOK_GPU_ALLOCATOR',
    platform: 'cuda',
    option: 'allocator',
    expected: 'default, bfc, cuda_async or platform',
    read: (text) => (['default', 'bfc', 'cuda_async', 'platform'].includes(text) ? text : undefined),
  },
  {
    variable: 'TRAINBOOK_GPU_PREALLOCATE',
    platform: 'cuda',
    option: 'preallocate',
    expected: '0 or 1: whether the memory is taken at once (1)',
    read: (text) => (text === '0' || text === '1' ? text === '1' : undefined),
  },
];

/**
 * The options of a client that environment variables give: `TRAINBOOK_CPU_DEVICES`, `TRAINBOOK_GPU_MEMORY_FRACTION`,
 * `TRAINBOOK_GPU_ALLOCATOR`, `TRAINBOOK_GPU_PREALLOCATE`.
 *
 * @throws TrainbookError for a value that makes no sense.
 */
export function optionsOfEnvironment(
  platform: string,
  environment: Readonly<Record<string, string | undefined>>,
): ClientOptions {
  const options: Record<string, ClientOption> = {};
  for (const { variable, platform: owner, option, expected, read } of variables) {
    const text = environment[variable];
    if (owner !== platform || text === undefined || text === '') continue;
    const value = read(text);
    if (value === undefined) {
      throw new TrainbookError({
        what: `device: ${variable} is not understood`,
        received: text,
        expected,
        fix: `unset ${variable}, or give it such a value`,
      });
    }
    options[option] = value;
  }
  return options;
}
