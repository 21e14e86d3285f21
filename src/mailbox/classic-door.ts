/** The door for classic: one file without a name. */
import { observeReads } from '../core/connection.js';
import type { Inbox } from '../core/inbox.js';
import type { Timeouts } from '../protocol/constants.js';
import { nameClassicFile } from '../session/classic/name.js';
import { receiveClassic } from '../session/classic/receive.js';
import { describeSession, type Door } from './door.js';
import type { MailboxOptions } from './options.js';

export interface ClassicDoorOptions {
  readonly inbox: Inbox;
  readonly options: MailboxOptions;
  readonly timeouts: Timeouts;
}

export function createClassicDoor({ inbox, options, timeouts }: ClassicDoorOptions): Door {
  return {
    serve({ connection: accepted }, visit, number) {
      const connection = observeReads(accepted, visit.guest.stir);
      const bringer = { kind: 'none', address: connection.address.host } as const;
      return receiveClassic(connection, {
        ...describeSession(visit, number(), timeouts, options),
        // A classic sender does not choose the name, so its file never replaces another. A classic sender cannot resume.
        sink: inbox.session({ bringer, isKnown: false, onConflict: 'rename', isResumable: false }),
        maxSize: options.maxSize,
        name: nameClassicFile(new Date()),
      });
    },
  };
}
