import { double, float, integer, message } from './protobuf.js';

// tensorboard/compat/proto/event.proto and summary.proto. Times are in seconds since 1970, with fractions.
// Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7. Summary.Value: tag 1, simple_value 2, tensor 8, metadata 9.

const event = (time: number, step: number, ...fields: readonly Uint8Array[]): Buffer =>
  Buffer.concat([double(1, time), ...(step === 0 ? [] : [integer(2, step)]), ...fields]);

/** What a file of events begins with. */
export const fileVersion = (time: number): Buffer =>
  event(time, 0, message(3, 'brain.Event:2'), message(10, message(1, 'trainbook')));

/**
 * A session starts. The second and later ones of a folder are restarts: TensorBoard forgets what came before at this step or
 * after it.
 */
export const sessionStart = (time: number, step: number): Buffer => event(time, step, message(7, integer(1, 1)));

export const scalar = (time: number, step: number, tag: string, value: number): Buffer =>
  event(time, step, message(5, message(1, message(1, tag), float(2, value))));

const dtype = { float: 1, string: 7 } as const;

function summary(time: number, step: number, tag: string, plugin: string, content: Uint8Array, tensor: Buffer): Buffer {
  const pluginData = message(1, message(1, plugin), message(2, content));
  return event(
    time,
    step,
    message(5, message(1, message(1, tag), message(8, tensor), message(9, pluginData, integer(4, 2)))),
  );
}

/** A text, shown as Markdown. */
export function text(time: number, step: number, tag: string, value: string): Buffer {
  const tensor = Buffer.concat([integer(1, dtype.string), message(2), message(8, value)]); // a shape without axes
  return summary(time, step, tag, 'text', Buffer.alloc(0), tensor);
}

/** Data of the plugin `hparams`; its tensor is empty. */
export function hparamsData(time: number, tag: string, data: Uint8Array): Buffer {
  const tensor = Buffer.concat([integer(1, dtype.float), message(2, message(2))]); // an axis of no elements
  return summary(time, 0, tag, 'hparams', data, tensor);
}
