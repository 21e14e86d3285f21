/** Decides by a proof whether the sender has the content of a file that is there: PROTOCOL.md section 5, ready. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { FtxError } from '../../core/errors.js';
import type { Bringer } from '../../core/inbox.js';
import { networkOf } from '../../core/network.js';
import type { PresentFile } from '../../core/sink.js';
import { createTurns } from '../../core/turns.js';
import { createFailedProofs } from './failed-proofs.js';

/** Process-wide: files that are read for a proof at the same time. What arrives needs the disk more than what is compared. */
const readings = createTurns(2);
/** Blocks that are read before other networks get their turn, so that large files do not keep small ones waiting. */
const BLOCKS_A_TURN = 16;

interface Claim {
  /** What the proof begins with; undefined for a sender that can prove nothing. */
  readonly nonce: Uint8Array | undefined;
  /** What the sender says: SHA-256 of the nonce and the content, in hex. */
  readonly proof?: string | undefined;
  /** What the sender says: the digest of the file, in hex. */
  readonly digest: string;
}

export interface ProofOptions {
  readonly bringer: Bringer;
  /** The host that the sender calls from. */
  readonly host: string;
  /** Called before each block that is read. What it throws ends the reading. */
  readonly onBlock: () => void;
}

export interface Proofs {
  /** Whether the sender may still prove that it has the content of the file: it has not failed to too often. */
  mayProve(present: PresentFile): boolean;
  /** Whether the sender has the content of the file. Throws FtxError `protocol` if it proves nothing, although it was asked to. */
  hasSameContent(present: PresentFile, claim: Claim): Promise<boolean>;
}

/** The proofs of one sender. */
export function createProofs({ bringer, host, onBlock }: ProofOptions): Proofs {
  const network = networkOf(host);
  const failed = createFailedProofs(bringer.kind === 'key' ? [bringer.id, network] : [network]);

  async function isRight(present: PresentFile, { nonce, proof, digest }: Claim): Promise<boolean> {
    // An older sender proves nothing. Its digest is enough where it has brought that very file itself.
    if (!nonce) return digest === present.digest;
    if (proof === undefined) throw new FtxError('protocol', 'The peer proved nothing of a file that is there.');
    const expected = await hashFile(present, nonce, { network, onBlock });
    return expected !== undefined && timingSafeEqual(expected, Buffer.from(proof, 'hex'));
  }

  return {
    mayProve: (present) => failed.mayProve(present.id),
    async hasSameContent(present, claim) {
      const isSame = await isRight(present, claim);
      if (!isSame) failed.note(present.id);
      return isSame;
    },
  };
}

/** SHA-256 of the nonce and the content. Undefined when another file took the place of the file meanwhile. */
async function hashFile(
  present: PresentFile,
  nonce: Uint8Array,
  { network, onBlock }: { readonly network: string; readonly onBlock: () => void },
): Promise<Buffer | undefined> {
  const hash = createHash('sha256').update(nonce);
  const blocks = present.blocks()[Symbol.asyncIterator]();
  /** Resolves with whether the file is at its end. */
  async function readOn(): Promise<boolean> {
    for (let count = 0; count < BLOCKS_A_TURN; count += 1) {
      const next = await blocks.next();
      if (next.done) return true;
      onBlock();
      hash.update(next.value);
    }
    return false;
  }
  try {
    while (!(await readings.run(network, readOn)));
    return hash.digest();
  } catch (error) {
    if (error instanceof FtxError && error.code === 'changed') return undefined;
    throw error;
  } finally {
    await blocks.return?.();
  }
}
