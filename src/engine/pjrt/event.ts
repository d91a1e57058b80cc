import type { Api } from './api.js';
import { Struct, writePointer } from './struct.js';

/** Waits on this thread until the event is there, and frees it. An event of 0 is none. */
export function awaitEventSync(api: Api, event: number): void {
  if (event === 0) return;
  try {
    api.call('PJRT_Event_Await', new Struct('PJRT_Event_Await_Args').set('event', event));
  } finally {
    destroyEvent(api, event);
  }
}

/** Waits off the JavaScript thread until the event is there, and frees it. What is there already is not waited for. */
export async function awaitEvent(api: Api, event: number): Promise<void> {
  if (event === 0) return;
  try {
    const args = new Struct('PJRT_Event_Await_Args').set('event', event);
    if (isReady(api, event)) api.call('PJRT_Event_Await', args);
    else await api.callAsync('PJRT_Event_Await', args);
  } finally {
    destroyEvent(api, event);
  }
}

function isReady(api: Api, event: number): boolean {
  return (
    api.call('PJRT_Event_IsReady', new Struct('PJRT_Event_IsReady_Args').set('event', event)).number('is_ready') !== 0
  );
}

export function destroyEvent(api: Api, event: number): void {
  api.call('PJRT_Event_Destroy', new Struct('PJRT_Event_Destroy_Args').set('event', event));
}

/** Frees buffers one after another, with one struct for all. */
export function bufferDestroyer(api: Api): (pointer: number) => void {
  const args = new Struct('PJRT_Buffer_Destroy_Args').sizedFor(api.version.minor);
  const place = args.words('buffer');
  const destroy = api.native('PJRT_Buffer_Destroy');
  return (pointer) => {
    writePointer(place, 0, pointer);
    const returned = destroy(args.address);
    api.live.buffers--;
    if (returned !== 0) api.check('PJRT_Buffer_Destroy', returned);
  };
}
