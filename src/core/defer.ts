/** Work that comes after everything else of the same turn of the event loop. */

type Defer = (work: () => void) => unknown;

const { setImmediate } = globalThis as { readonly setImmediate?: Defer };

/** A browser has no setImmediate, and its setTimeout waits for 4 ms at least: a message to itself comes at once. */
function deferByMessage(): Defer {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.addEventListener('message', () => waiting.shift()?.());
  port1.start();
  return (work) => {
    waiting.push(work);
    port2.postMessage(undefined);
  };
}

/** Calls `work` in a later turn of the event loop, before any timer that is set now. */
export const defer: Defer = setImmediate ?? deferByMessage();
