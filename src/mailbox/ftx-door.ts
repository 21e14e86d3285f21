/** The door for ftx: the gate, then one session. */
import { FtxError } from '../core/errors.js';
import type { Fingerprint } from '../core/fingerprint.js';
import type { Bringer, Inbox } from '../core/inbox.js';
import { networkOf } from '../core/network.js';
import type { Timeouts } from '../protocol/constants.js';
import { createBlockPool } from '../session/receive/block-pool.js';
import { receiveSession } from '../session/receive/receiver.js';
import type { DescriptorBudget } from '../storage/disk/descriptors.js';
import { describeSession, type Door } from './door.js';
import type { Gate } from './gate.js';
import type { MailboxOptions } from './options.js';
import { ENCRYPTED_ONLY, FORGOTTEN, refuseFtx } from './turn-away.js';

/** Entries of one session that may be open at once. */
const MAX_OPEN_OFFERS = 256;
/** The same limit for a sender that has not paired yet, so that strangers leave descriptors to known senders. */
const MAX_NEWCOMER_OFFERS = 2;
/** 32 MiB in flight between the sockets and the disk. */
const POOL_BLOCKS = 32;

export interface FtxDoorOptions {
  readonly inbox: Inbox;
  readonly options: MailboxOptions;
  readonly timeouts: Timeouts;
  readonly budget: DescriptorBudget;
  /** Whether every caller has to be encrypted. If not, no caller is encrypted. */
  readonly isEncrypted: boolean;
  /** Undefined: anyone gets in. */
  readonly gate: Gate | undefined;
}

export function createFtxDoor({ inbox, options, timeouts, budget, isEncrypted, gate }: FtxDoorOptions): Door {
  const pool = createBlockPool(POOL_BLOCKS);
  return {
    async serve({ connection, secured }, visit, number) {
      const { guest, stop } = visit;
      if (isEncrypted && !secured) {
        refuseFtx(connection, ENCRYPTED_ONLY);
        return undefined;
      }
      const session = number();
      const drop = () => stop.abort(FORGOTTEN);
      const pass = secured && (await gate?.admit({ ...secured, address: connection.address, session, drop }));
      if (pass instanceof FtxError) {
        refuseFtx(connection, pass);
        return undefined;
      }
      const bringer: Bringer = secured
        ? { kind: 'key', id: secured.peer }
        : { kind: 'none', address: connection.address.host };
      const isKnown = secured !== undefined && (gate ? !pass?.pair : await isKnownSender(options.home, secured.peer));
      const offers = budget.countOffers(pass?.pair ? MAX_NEWCOMER_OFFERS : MAX_OPEN_OFFERS);
      try {
        return await receiveSession(connection, {
          ...describeSession(visit, session, timeouts, options),
          bringer,
          isKnown,
          sink: inbox.session({ bringer, isKnown, onConflict: options.onConflict, isResumable: true }),
          pool,
          limits: { offers, size: options.maxSize },
          slots: budget.slots.join(networkOf(connection.address.host)),
          pair: pass?.pair,
          busyMs: () => performance.eventLoopUtilization().active,
          onList: () => guest.settle(),
          onUse: guest.stir,
        });
      } finally {
        pass?.release();
        if (secured && isKnown) await notePresence(options.home, secured.peer, connection.address.host);
      }
    },
  };
}

/** Notes for "ftx peers" where a known sender has come from. A list that cannot be written costs only that. */
async function notePresence(home: string | undefined, peer: Fingerprint, address: string): Promise<void> {
  const [{ findHome }, { noteVisit }] = await Promise.all([
    import('../home/state-dir.js'),
    import('../home/known-peers.js'),
  ]);
  const noted = Promise.resolve(home).then((given) => noteVisit(findHome(given), peer, address));
  await noted.catch(() => undefined);
}

/** Whether a sender is in the list of those that are let in everywhere. A list that cannot be read knows nobody. */
async function isKnownSender(home: string | undefined, peer: Fingerprint): Promise<boolean> {
  const [{ findHome }, { readKnownPeers }] = await Promise.all([
    import('../home/state-dir.js'),
    import('../home/known-peers.js'),
  ]);
  const known = await readKnownPeers(findHome(home)).catch(() => undefined);
  return known?.senders.has(peer) ?? false;
}
