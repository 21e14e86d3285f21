/** The messages about content, whose payload is no JSON: PROTOCOL.md section 5, data, zeros, have and pack. */

/** The head of a data frame; `length` bytes of content follow it. */
export interface DataMessage {
  readonly type: 'data';
  readonly id: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Of the block's content. */
  readonly digest: bigint;
  /** Bytes of content. */
  readonly length: number;
}

/** Blocks of a file that hold nothing but zeros. */
export interface ZerosMessage {
  readonly type: 'zeros';
  readonly id: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Digests of the blocks that the receiver has from an earlier session, from the first on. */
export interface HaveMessage {
  readonly type: 'have';
  readonly id: number;
  readonly digests: readonly bigint[];
}

/** The head of a pack; `length` bytes of entries follow it. The entries have the ids from `id` on. */
export interface PackMessage {
  readonly type: 'pack';
  /** Of the first entry. */
  readonly id: number;
  /** Entries in the pack. */
  readonly count: number;
  /** Bytes of all entries. */
  readonly length: number;
}
