/** Reading accepted sockets without an allocation for each read. */
import { Socket } from 'node:net';

/** What one read takes at most: as much as stays in the processor's cache until it is where it belongs. */
const READ_BYTES = 256 * 1024;

/** One for all connections: it is filled and emptied within the same turn of the event loop. */
let memory: Uint8Array | undefined;

/** The part of a stream handle that this relies on; Node documents `onread` for sockets that connect only. */
interface Handle {
  reading: boolean;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * Takes the handle out of an accepted socket and gives it to a new one that
 * reads into shared memory. Node allocates 64 KiB for each read otherwise,
 * and collecting them costs as much as reading does. `onBytes` gets what
 * arrives, valid during the call, and returns whether reading goes on.
 * Undefined, with nothing changed, where Node has no such handle or the
 * socket is not idle: what it has read or is writing would be lost.
 */
export function shareReads(socket: Socket, onBytes: (bytes: Uint8Array) => boolean): Socket | undefined {
  const shell = socket as unknown as { _handle: Handle | null };
  const handle = shell._handle;
  if (!isUsable(handle) || !isIdle(socket)) return undefined;
  memory ??= Buffer.allocUnsafeSlow(READ_BYTES);
  handle.readStop();
  handle.reading = false;
  shell._handle = null;
  const onread = {
    buffer: memory,
    callback: (length: number, buffer: Uint8Array) => onBytes(buffer.subarray(0, length)),
  };
  const sharing = new Socket({ handle, allowHalfOpen: true, onread } as ConstructorParameters<typeof Socket>[0]);
  // The server counts the one that it knows.
  sharing.once('close', () => socket.destroy());
  return sharing;
}

function isUsable(handle: Handle | null): handle is Handle {
  return typeof handle?.useUserBuffer === 'function' && typeof handle.readStop === 'function';
}

function isIdle(socket: Socket): boolean {
  return (
    !socket.destroyed &&
    socket.readable &&
    socket.readableLength === 0 &&
    socket.writableLength === 0 &&
    !socket.writableEnded
  );
}
