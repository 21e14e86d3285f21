/** Reading accepted sockets without an allocation for each read. */
import { Socket } from 'node:net';
import { isCrowded } from './inflow.js';

/** The most that one read takes. So much stays in the processor's cache until it is copied to where it belongs. */
const READ_BYTES = 256 * 1024;
/** What one read takes while much waits in all connections, or there are many of them: each may have to keep one read. */
const CROWDED_BYTES = 32 * 1024;
const MANY = 128;

/** All connections share this memory: each read fills and empties it within one turn of the event loop. */
let memory: Uint8Array | undefined;
let little: Uint8Array | undefined;
/** Process-wide: connections that share it. */
let sharers = 0;

function chooseMemory(): Uint8Array {
  memory ??= Buffer.allocUnsafeSlow(READ_BYTES);
  return sharers > MANY || isCrowded() ? (little ??= memory.subarray(0, CROWDED_BYTES)) : memory;
}

/** The part of a socket's handle that is used here. Node documents `onread` only for sockets that connect. */
interface Handle {
  reading: boolean;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * Moves the handle of an accepted socket to a new socket, which reads into shared
 * memory, and returns that. Without this, Node allocates 64 KiB for each read,
 * and collecting this garbage costs as much as reading does. `onBytes` gets the
 * bytes of each read, which are valid during the call, and returns whether to
 * go on reading. Returns undefined and changes nothing where Node has no such
 * handle, or while the socket holds bytes that it has read or has to write:
 * the new socket would not know of them.
 */
export function shareReads(socket: Socket, onBytes: (bytes: Uint8Array) => boolean): Socket | undefined {
  const shell = socket as unknown as { _handle: Handle | null };
  const handle = shell._handle;
  if (!isUsable(handle) || !isIdle(socket)) return undefined;
  sharers += 1;
  handle.readStop();
  handle.reading = false;
  shell._handle = null;
  const onread = {
    buffer: chooseMemory,
    callback: (length: number, buffer: Uint8Array) => onBytes(buffer.subarray(0, length)),
  };
  const sharing = new Socket({ handle, allowHalfOpen: true, onread } as ConstructorParameters<typeof Socket>[0]);
  // The server waits for the sockets that it has accepted, so the old one has to close with the new one.
  sharing.once('close', () => {
    sharers -= 1;
    socket.destroy();
  });
  return sharing;
}

/** Where a socket with `onread` keeps its memory and its callback. Node has no public way to set them later. */
const [MEMORY, CALLBACK] = ['kBuffer', 'kBufferCb'].map((name) =>
  Object.getOwnPropertySymbols(new Socket()).find(({ description }) => description === name),
);

/**
 * As shareReads, for a socket that decrypts: it stays the same socket, and no longer emits what it reads. Returns
 * whether it could be done.
 */
export function shareDecryptedReads(socket: Socket, onBytes: (bytes: Uint8Array) => boolean): boolean {
  const { _handle: handle } = socket as unknown as { _handle: Handle | null };
  if (MEMORY === undefined || CALLBACK === undefined || !isUsable(handle) || !isIdle(socket)) return false;
  memory ??= Buffer.allocUnsafeSlow(READ_BYTES);
  Object.assign(socket, {
    [MEMORY]: memory,
    [CALLBACK]: (length: number, buffer: Uint8Array) => onBytes(buffer.subarray(0, length)),
  });
  handle.useUserBuffer(memory);
  return true;
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
