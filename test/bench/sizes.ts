/** How much is moved in each work. */
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

export interface Sizes {
  /** Of the one large file. */
  readonly fileBytes: number;
  /** Files in the tree. */
  readonly treeFiles: number;
  /** Sender processes at once, and what each sends. */
  readonly senders: number;
  readonly senderBytes: number;
  /** Connections at once from one process. */
  readonly crowd: number;
  /** What the large file and the tree are compared with to see how cost grows. */
  readonly hugeBytes: number;
  readonly manyFiles: number;
}

export const FULL: Sizes = {
  fileBytes: GIB,
  treeFiles: 10_000,
  senders: 64,
  senderBytes: 16 * MIB,
  crowd: 1_000,
  hugeBytes: 20 * GIB,
  manyFiles: 100_000,
};

export const QUICK: Sizes = {
  fileBytes: 64 * MIB,
  treeFiles: 500,
  senders: 4,
  senderBytes: 2 * MIB,
  crowd: 50,
  hugeBytes: 256 * MIB,
  manyFiles: 1_500,
};

/** Bytes of each file in a tree. */
export const TREE_FILE_BYTES = 4 * KIB;
/** Bytes of the file that shows what starting up costs. */
export const TINY_BYTES = KIB;
/** Bytes that each connection of the crowd sends. */
export const CROWD_BYTES = 64_000;
/** Bytes per second of the slow sender. */
export const SLOW_RATE = 10_000;
