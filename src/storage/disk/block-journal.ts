/** A file that remembers the digests of blocks: which are durable in a part file, or known of a source. */
import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** Index and digest of a block, 8 bytes each, big-endian; CRC-32 of them; 4 bytes of kind. */
const RECORD_BYTES = 24;
const CHECKED_BYTES = 16;
const KIND_KNOWN = 1;
const KIND_FORGOTTEN = 2;
const MAX_HEADER_BYTES = 64 * 1024;

const OPEN = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

export interface BlockJournal {
  /** Digests by the number of their block, from an earlier time. */
  readonly known: ReadonlyMap<number, bigint>;
  /** Forgets everything. */
  clear(): Promise<void>;
  /** Adds records; they are as durable as the system makes them. */
  append(digests: Iterable<readonly [block: number, digest: bigint]>): Promise<void>;
  /** Makes the records durable, should the power fail. */
  sync(): Promise<void>;
  /** Takes a record back, durably. */
  forget(block: number): Promise<void>;
  /** Keeps the file. */
  close(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Opens the journal at `path`, or begins a new one when it is missing, torn or
 * bound to something else than `binding`. A torn last record is left out.
 */
export async function openJournal(path: string, binding: string): Promise<BlockJournal> {
  const handle = await open(path, OPEN, 0o600);
  try {
    await assertOwnJournal(handle);
    const content = await handle.readFile();
    const header = Buffer.from(`${JSON.stringify(binding)}\n`);
    const isBound = content.subarray(0, header.length).equals(header);
    const { known, end } = isBound ? readRecords(content, header.length) : { known: new Map<number, bigint>(), end: 0 };
    await handle.truncate(end);
    if (!isBound) await handle.write(header, 0, header.length, 0);
    return createJournal({ path, handle, known, headerBytes: header.length, end: isBound ? end : header.length });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A link planted at the name is refused by the system with ELOOP; so is a pipe, or another name of some other file, here. */
async function assertOwnJournal(handle: FileHandle): Promise<void> {
  const stats = await handle.stat();
  if (stats.isFile() && stats.nlink === 1) return;
  throw Object.assign(new Error('something that is no journal has its name'), { code: 'ELOOP' });
}

/** What the journal at `path` is bound to and how many blocks it knows from the first on; undefined if it is none. */
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

/** Blocks that are known without a gap. */
export function countFromStart(known: ReadonlyMap<number, bigint>): number {
  let count = 0;
  while (known.has(count)) count += 1;
  return count;
}

interface OpenJournal {
  readonly path: string;
  readonly handle: FileHandle;
  readonly known: Map<number, bigint>;
  readonly headerBytes: number;
  /** Where the whole records end. */
  readonly end: number;
}

function createJournal({ path, handle, known, headerBytes, ...begin }: OpenJournal): BlockJournal {
  let end = begin.end;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: two that are written to the same place would leave one of them, or neither. */
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
    clear: () =>
      inTurn(async () => {
        known.clear();
        await handle.truncate(headerBytes);
        end = headerBytes;
      }),
    append: (digests) => {
      const records = Buffer.concat([...digests].map(([block, digest]) => encodeRecord(block, digest, KIND_KNOWN)));
      return inTurn(() => write(records));
    },
    sync: () => inTurn(() => handle.datasync()),
    forget: (block) =>
      inTurn(async () => {
        await write(encodeRecord(block, 0n, KIND_FORGOTTEN));
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

/** Up to the first record that is not whole: what follows it was written later, and may be torn as well. */
function readRecords(content: Buffer, from: number): { known: Map<number, bigint>; end: number } {
  const known = new Map<number, bigint>();
  let end = from;
  for (; end + RECORD_BYTES <= content.length; end += RECORD_BYTES) {
    const record = content.subarray(end, end + RECORD_BYTES);
    const kind = record.readUInt32BE(CHECKED_BYTES + 4);
    if (crc32(record.subarray(0, CHECKED_BYTES), kind) !== record.readUInt32BE(CHECKED_BYTES)) break;
    const block = Number(record.readBigUInt64BE(0));
    if (kind === KIND_KNOWN) known.set(block, record.readBigUInt64BE(8));
    else known.delete(block);
  }
  return { known, end };
}
