/** Reads exact numbers of bytes from a Connection, whose own reads end anywhere. */
import { formatAddress } from '../core/address.js';
import { FtxError } from '../core/errors.js';
import type { Connection } from '../core/connection.js';

export interface ByteReader {
  /** Waits until a byte is here. Resolves with false if the peer ended its side instead. */
  arrived(): Promise<boolean>;
  /** The next `length` bytes, or undefined if the peer ended before the first of them. */
  take(length: number): Promise<Uint8Array | undefined>;
  /** The next `length` bytes without taking them; undefined unless they are here in one piece. */
  peek(length: number): Uint8Array | undefined;
  /** Takes `length` bytes that peek() has returned. */
  drop(length: number): void;
  /** Fills `target` if enough is here in one piece. Returns whether it did. */
  fillAtOnce(target: Uint8Array): boolean;
  /** Fills `target`, waiting for what is not here yet. `onBytes` hears of that as it comes. */
  fill(target: Uint8Array, onBytes?: (bytes: number) => void): Promise<void>;
  /** Reads `length` bytes and throws them away. */
  skip(length: number): Promise<void>;
}

/** Stands for "nothing left". An empty part of the last read would keep the memory of that whole read alive. */
const NOTHING: Uint8Array = new Uint8Array(0);

/** Methods reject with FtxError `lost` when the peer ends in the middle of what they read, and as Connection.read. */
export function createByteReader(connection: Connection): ByteReader {
  let chunk = NOTHING;

  async function arrived(): Promise<boolean> {
    while (chunk.length === 0) {
      const next = await connection.read();
      if (next === undefined) return false;
      chunk = next;
    }
    return true;
  }

  const peek = (length: number) => (chunk.length < length ? undefined : chunk.subarray(0, length));
  const drop = (length: number) => void (chunk = length < chunk.length ? chunk.subarray(length) : NOTHING);

  function fillFromChunk(target: Uint8Array): number {
    const here = chunk.subarray(0, target.length);
    target.set(here);
    drop(here.length);
    return here.length;
  }

  /** Bytes that are not here yet are read straight into `target`, without a copy. */
  async function fill(target: Uint8Array, onBytes: (bytes: number) => void = ignore): Promise<void> {
    for (let done = fillFromChunk(target); done < target.length;) {
      const read = await connection.readInto(target.subarray(done), onBytes);
      if (read === 0) throw endedError(formatAddress(connection.address));
      done += read;
    }
  }

  return {
    arrived,
    peek,
    drop,
    fillAtOnce(target) {
      if (chunk.length < target.length) return false;
      fillFromChunk(target);
      return true;
    },
    fill,
    async skip(length) {
      for (let left = length, skipped; left > 0; left -= skipped) {
        if (!(await arrived())) throw endedError(formatAddress(connection.address));
        skipped = Math.min(chunk.length, left);
        drop(skipped);
      }
    },
    async take(length) {
      if (!(await arrived())) return undefined;
      const bytes = new Uint8Array(length);
      await fill(bytes);
      return bytes;
    },
  };
}

/** The peer ended between the first and the last byte of a message. */
export function endedError(peer: string): FtxError {
  return new FtxError('lost', `${peer} closed the connection in the middle of a message.`);
}

function ignore(): void {
  // The bytes of readInto are counted by the connection itself.
}
