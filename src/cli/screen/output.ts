export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

/** A peer can cause any number of lines, and who reads them may be slow: what waits to be written stays in memory. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

interface BufferedStream extends OutputStream {
  /** Bytes that wait to be written. */
  readonly writableLength: number;
}

/** Leaves out what comes while too much is waiting, and says so afterwards; `describeGap` is that line. */
export function boundOutput(stream: BufferedStream, describeGap: (lines: number) => string): OutputStream {
  // A terminal is written to at once, and asked for its size.
  if (stream.isTTY === true) return stream;
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
