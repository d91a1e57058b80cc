import type { Api } from './api.js';
import { Struct } from './struct.js';

/** Waits on this thread until the event is there, and frees it. An event of 0 is none. */
export function awaitEventSync(api: Api, event: bigint): void {
  if (event === 0n) return;
  try {
    api.call('PJRT_Event_Await', new Struct('PJRT_Event_Await_Args').set('event', event));
  } finally {
    destroyEvent(api, event);
  }
}

/** Waits off the JavaScript thread until the event is there, and frees it. */
export async function awaitEvent(api: Api, event: bigint): Promise<void> {
  if (event === 0n) return;
  try {
    await api.callAsync('PJRT_Event_Await', new Struct('PJRT_Event_Await_Args').set('event', event));
  } finally {
    destroyEvent(api, event);
  }
}

function destroyEvent(api: Api, event: bigint): void {
  api.call('PJRT_Event_Destroy', new Struct('PJRT_Event_Destroy_Args').set('event', event));
}
