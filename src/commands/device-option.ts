import { TrainbookError } from '../error.js';
import { UsageError } from './usage.js';

/** The option of commands that compute. */
export const deviceArg = {
  device: {
    type: 'string',
    valueHint: 'name',
    description:
      'Where compiled functions run: cuda:0, cpu:0, tpu:0, a mesh such as cuda:data=2,tensor=4, tensorflow, or auto, which takes a GPU or TPU if there is one (auto)',
  },
} as const;

/**
 * Chooses the device of this process and of those that it starts: what `--device` says, else TRAINBOOK_DEVICE, else `auto`.
 *
 * @throws UsageError for what is no name; TrainbookError if the device cannot be opened
 */
export async function chooseDevice(named: string | undefined): Promise<void> {
  const { parseDevice, setDevice } = await import('../engine/device.js');
  const fromEnvironment = process.env['TRAINBOOK_DEVICE'];
  const text = named ?? (fromEnvironment === undefined || fromEnvironment === '' ? 'auto' : fromEnvironment);
  let name;
  try {
    name = parseDevice(text);
  } catch (error) {
    if (named !== undefined && error instanceof TrainbookError) throw new UsageError(`--device: ${error.message}`);
    throw error;
  }
  if (name === undefined) throw new UsageError('--device needs the name of a device');
  process.env['TRAINBOOK_DEVICE'] = setDevice(name);
}
