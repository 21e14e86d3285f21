/** Where a send gets the receiver's code from, once it turns out that it needs one. */
import { FtxError } from '../core/errors.js';

/** What a user knows of the receiver's code, over all attempts at one send. */
export interface CodeDesk {
  /** A receiver that has never proved that it knows a code has to: nobody else is taken for it. */
  readonly insists: boolean;
  readonly code: string | undefined;
  /** Runs `attempt`, and once more with the code if the receiver has asked for one. */
  withCode(attempt: () => Promise<void>): Promise<void>;
  /** The failure of an attempt without the code that the receiver asks for. */
  want(receiver: string): FtxError;
}

/** Nobody can give a code without `ask`, or where it resolves with undefined. While somebody looks for it, nothing is connected that could break. */
export function openCodeDesk(insists: boolean, ask: (() => Promise<string | undefined>) | undefined): CodeDesk {
  let code: string | undefined;
  let wanted = false;
  return {
    insists,
    get code() {
      return code;
    },
    async withCode(attempt) {
      try {
        await attempt();
      } catch (error) {
        if (!wanted || code !== undefined) throw error;
        const text = await ask?.();
        if (text === undefined) throw error;
        // Loaded when needed: who is known does not pay for it.
        const { parseCode } = await import('../identity/one-time-code.js');
        code = parseCode(text);
        await attempt();
      }
    },
    want(receiver) {
      wanted = true;
      const advice = 'Send from a terminal and type it, or give it with --code-file. Nothing was sent.';
      return new FtxError(
        'unpaired',
        `${receiver} does not know this sender and asks for the code that it shows. ${advice}`,
      );
    },
  };
}
