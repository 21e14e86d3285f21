/** Where connecting gets the receiver's code from, once a receiver asks for it. */
import { FtxError } from '../core/errors.js';

/** What is known of the receiver's code over all attempts at one send. */
export interface CodeDesk {
  /** Whether a receiver has to prove that it knows a code, unless it has done so before. */
  readonly insists: boolean;
  /** Eight digits; undefined until somebody has given the code. */
  readonly code: string | undefined;
  /** Runs `attempt`. If it has failed for want of a code, asks for the code and runs `attempt` once more. */
  withCode<T>(attempt: () => Promise<T>): Promise<T>;
  /** Notes that a receiver asks for a code that is not known here, and returns the FtxError `unpaired` for it. */
  codeWantedError(receiver: string): FtxError;
}

/** `ask` resolves with the code as people type it, or with undefined if there is none; without it, nobody can give a code. */
export function openCodeDesk(insists: boolean, ask: (() => Promise<string | undefined>) | undefined): CodeDesk {
  let code: string | undefined;
  let isWanted = false;
  return {
    insists,
    get code() {
      return code;
    },
    async withCode(attempt) {
      try {
        return await attempt();
      } catch (error) {
        if (!isWanted || code !== undefined) throw error;
        const text = await ask?.();
        if (text === undefined) throw error;
        // Loaded when needed: a sender that is known never asks.
        const { parseCode } = await import('../identity/one-time-code.js');
        code = parseCode(text);
        return await attempt();
      }
    },
    codeWantedError(receiver) {
      isWanted = true;
      const advice = 'Send from a terminal and type it, or give it with --code-file. Nothing was sent.';
      return new FtxError(
        'unpaired',
        `${receiver} does not know this sender and asks for the code that it shows. ${advice}`,
      );
    },
  };
}
