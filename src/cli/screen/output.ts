/** Output that stays bounded when its reader is slow. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

/** Bytes that may wait in memory to be written: peers can cause any number of lines, and their reader may be slow. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

interface BufferedStream extends OutputStream {
  /** Bytes that wait to be written. */
  readonly writableLength: number;
}

/** Leaves lines out while too much waits to be written. The line of `describeGap` stands in their place. */
export function boundOutput(stream: BufferedStream, describeGap: (lines: number) => string): OutputStream {
  // A terminal is fast, and its size changes: hand out the stream itself.
  if (stream.isTTY) return stream;
  let missing = 0;
  return {
    write(text) {
      if (stream.writableLength > MAX_WAITING_BYTES) {
        missing += 1;
        return false;
      }
      if (missing > 0) stream.write(`${describeGap(missing)}\n`);
      missing = 0;
      return stream.write(text);
    },
  };
}
