/** A file that records digests of blocks: of the durable blocks in a part file, or of blocks that were read from a source. */
import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** A record: number and digest of a block, 8 bytes each; the CRC-32 of both, begun with the kind; the kind. All big-endian. */
const RECORD_BYTES = 24;
const CHECKED_BYTES = 16;
const KIND_KNOWN = 1;
const KIND_FORGOTTEN = 2;
/** In place of a block and its digest: a number that no block has, and the pin. Counts only as the last record. */
const KIND_PIN = 3;
/** In place of a block and its digest: a number that no block has, and 0. Counts only as the last record. */
const KIND_FULL = 4;
const NO_BLOCK = Number.MAX_SAFE_INTEGER;
const MAX_HEADER_BYTES = 64 * 1024;

const OPEN = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

export interface BlockJournal {
  /** The digests that the file held when it was opened, by the number of their block. */
  readonly known: ReadonlyMap<number, bigint>;
  /** What pin() has recorded, if nothing was recorded after it. */
  readonly pin: bigint | undefined;
  /** Records how the file of the blocks looks now, durably. */
  recordPin(pin: bigint): Promise<void>;
  /** Records that there was no room to go on, as isMarkedFull() tells. What recordPin() has recorded stays. */
  recordFull(): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Adds records. They are durable after the next sync. */
  append(digests: Iterable<readonly [block: number, digest: bigint]>): Promise<void>;
  /** Makes all records durable, so that they survive a power cut. */
  sync(): Promise<void>;
  /** Forgets the digests of these blocks, durably. */
  forget(blocks: readonly number[]): Promise<void>;
  /** Closes the file and keeps it. */
  close(): Promise<void>;
  /** Closes the file and removes it. */
  discard(): Promise<void>;
}

/**
 * Opens the journal at `path`, or begins a new one when the file is missing or is not bound to `binding`. Records from
 * the first damaged one on are dropped. Throws what the system throws, and ELOOP for something that is no journal, or
 * that another user than `owner` has put there.
 */
export async function openJournal(path: string, binding: string, owner?: number): Promise<BlockJournal> {
  const handle = await open(path, OPEN, 0o600);
  try {
    await assertOwnJournal(handle, owner);
    const content = await handle.readFile();
    const header = Buffer.from(`${JSON.stringify(binding)}\n`);
    const isBound = content.subarray(0, header.length).equals(header);
    const nothing = { known: new Map<number, bigint>(), pin: undefined, end: 0 };
    const { end, ...records } = isBound ? readRecords(content, header.length) : nothing;
    // Some file systems cannot shorten a file. A new journal does not need it.
    if (content.length > end) await handle.truncate(end);
    if (!isBound) await handle.write(header, 0, header.length, 0);
    return createJournal({
      ...{ path, handle, ...records },
      headerBytes: header.length,
      end: isBound ? end : header.length,
    });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Throws ELOOP for a pipe, or a hard link to another file, that was planted at the name. For a symbolic link the system does. */
async function assertOwnJournal(handle: FileHandle, owner?: number): Promise<void> {
  const stats = await handle.stat();
  if (stats.isFile() && stats.nlink === 1 && (owner === undefined || stats.uid === owner)) return;
  throw Object.assign(new Error('something that is no journal has its name'), { code: 'ELOOP' });
}

/** Reads the binding of the journal at `path`, and counts the blocks it knows from block 0 on. Undefined if it is no journal. Throws if it cannot be opened. */
export async function readJournal(path: string): Promise<{ binding: string; blocks: number } | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const content = await handle.readFile();
    const headerEnd = content.subarray(0, MAX_HEADER_BYTES).indexOf('\n') + 1;
    const binding: unknown = JSON.parse(content.toString('utf8', 0, headerEnd));
    if (typeof binding !== 'string') return undefined;
    return { binding, blocks: countFromStart(readRecords(content, headerEnd).known) };
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

/** Whether nothing was recorded in the journal at `path` after recordFull(). Never fails. */
export async function isMarkedFull(path: string): Promise<boolean> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const record = Buffer.alloc(RECORD_BYTES);
      const { bytesRead } = await handle.read(record, 0, RECORD_BYTES, (await handle.stat()).size - RECORD_BYTES);
      return bytesRead === RECORD_BYTES && record.equals(encodeRecord(NO_BLOCK, 0n, KIND_FULL));
    } finally {
      await handle.close();
    }
  } catch {
    return false;
  }
}

/** Counts the blocks that are known from block 0 on, up to the first gap. */
export function countFromStart(known: ReadonlyMap<number, bigint>): number {
  let count = 0;
  while (known.has(count)) count += 1;
  return count;
}

/** Counts all blocks up to the last one that is known, gaps too. */
export function countUpTo(known: ReadonlyMap<number, bigint>): number {
  let count = 0;
  for (const block of known.keys()) count = Math.max(count, block + 1);
  return count;
}

interface OpenJournal {
  readonly path: string;
  readonly handle: FileHandle;
  readonly known: Map<number, bigint>;
  readonly pin: bigint | undefined;
  readonly headerBytes: number;
  /** The offset at which the undamaged records end. */
  readonly end: number;
}

function createJournal({ path, handle, known, pin, headerBytes, ...begin }: OpenJournal): BlockJournal {
  let end = begin.end;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all earlier work. Two writes at once would go to the same offset, and lose one of them or both. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  async function write(records: Buffer): Promise<void> {
    await handle.write(records, 0, records.length, end);
    end += records.length;
  }

  return {
    known,
    pin,
    recordPin: (now) =>
      inTurn(async () => {
        await write(encodeRecord(NO_BLOCK, now, KIND_PIN));
        await handle.datasync();
      }),
    recordFull: () => inTurn(() => write(encodeRecord(NO_BLOCK, 0n, KIND_FULL))),
    clear: () =>
      inTurn(async () => {
        known.clear();
        if (end > headerBytes) await handle.truncate(headerBytes);
        end = headerBytes;
      }),
    append: (digests) => {
      const records = Buffer.concat([...digests].map(([block, digest]) => encodeRecord(block, digest, KIND_KNOWN)));
      return inTurn(() => write(records));
    },
    sync: () => inTurn(() => handle.datasync()),
    forget: (blocks) =>
      inTurn(async () => {
        await write(Buffer.concat(blocks.map((block) => encodeRecord(block, 0n, KIND_FORGOTTEN))));
        await handle.datasync();
      }),
    close: () => inTurn(() => handle.close()),
    discard: () =>
      inTurn(async () => {
        await handle.close();
        await unlink(path);
      }),
  };
}

function encodeRecord(block: number, digest: bigint, kind: number): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeBigUInt64BE(BigInt(block), 0);
  record.writeBigUInt64BE(digest, 8);
  record.writeUInt32BE(crc32(record.subarray(0, CHECKED_BYTES), kind), CHECKED_BYTES);
  record.writeUInt32BE(kind, CHECKED_BYTES + 4);
  return record;
}

/** Reads the records up to the first damaged one. Later records may be damaged as well. `end`: the offset where they end. */
function readRecords(content: Buffer, from: number) {
  const known = new Map<number, bigint>();
  let pin: bigint | undefined;
  let end = from;
  for (; end + RECORD_BYTES <= content.length; end += RECORD_BYTES) {
    const record = content.subarray(end, end + RECORD_BYTES);
    const kind = record.readUInt32BE(CHECKED_BYTES + 4);
    if (crc32(record.subarray(0, CHECKED_BYTES), kind) !== record.readUInt32BE(CHECKED_BYTES)) break;
    if (kind === KIND_FULL) continue;
    const block = Number(record.readBigUInt64BE(0));
    pin = kind === KIND_PIN ? record.readBigUInt64BE(8) : undefined;
    if (kind === KIND_KNOWN) known.set(block, record.readBigUInt64BE(8));
    else known.delete(block);
  }
  return { known, pin, end };
}
