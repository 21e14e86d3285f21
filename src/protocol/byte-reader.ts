/** Exact lengths out of a Connection, whose reads end anywhere. */
import { FtxError } from '../errors.js';
import type { Connection } from '../ports.js';

export interface ByteReader {
  /** Waits for a byte; false if the peer ended instead. */
  arrived(): Promise<boolean>;
  /** The next `length` bytes, or undefined if the peer ended before the first of them. */
  take(length: number): Promise<Uint8Array | undefined>;
  /** The next `length` bytes if they are here in one piece, which stay the next. */
  peek(length: number): Uint8Array | undefined;
  /** Drops bytes that were peeked at. */
  drop(length: number): void;
  /** Fills `target` if that much is here in one piece. */
  fillAtOnce(target: Uint8Array): boolean;
  /** Fills `target`. */
  fill(target: Uint8Array): Promise<void>;
  /** Drops `length` bytes. */
  skip(length: number): Promise<void>;
}

/** Every method throws FtxError `lost` when the peer ends in the middle. */
export function createByteReader(connection: Connection): ByteReader {
  let chunk: Uint8Array = new Uint8Array(0);

  /** True once there is at least one byte, false at the end. */
  async function more(): Promise<boolean> {
    while (chunk.length === 0) {
      const next = await connection.read();
      if (next === undefined) return false;
      chunk = next;
    }
    return true;
  }

  async function consume(length: number, use: (part: Uint8Array, at: number) => void): Promise<void> {
    for (let done = 0; done < length; ) {
      if (!(await more()))
        throw new FtxError('lost', `${connection.peer} closed the connection in the middle of a message.`);
      const part = chunk.subarray(0, length - done);
      use(part, done);
      done += part.length;
      chunk = chunk.subarray(part.length);
    }
  }

  const fill = (target: Uint8Array) => consume(target.length, (part, at) => target.set(part, at));

  const peek = (length: number) => (chunk.length < length ? undefined : chunk.subarray(0, length));
  const drop = (length: number) => void (chunk = chunk.subarray(length));

  return {
    arrived: more,
    peek,
    drop,
    fillAtOnce(target) {
      const bytes = peek(target.length);
      if (!bytes) return false;
      target.set(bytes);
      drop(bytes.length);
      return true;
    },
    fill,
    skip: (length) => consume(length, () => undefined),
    async take(length) {
      if (!(await more())) return undefined;
      if (chunk.length < length) {
        const bytes = new Uint8Array(length);
        await fill(bytes);
        return bytes;
      }
      const bytes = chunk.subarray(0, length);
      chunk = chunk.subarray(length);
      return bytes;
    },
  };
}
