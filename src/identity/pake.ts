/**
 * Both sides find out whether they know the same code, and nobody learns more
 * than whether one guess was right: OPAQUE (RFC 9807), PROTOCOL.md section 13.
 */
import { client, ready, server } from '@serenity-kit/opaque';
import type { Fingerprint } from '../core/fingerprint.js';

/** The two sides that pair, and their connection. Pairing succeeds only if both sides give the same values. */
export interface Parties {
  readonly sender: Fingerprint;
  readonly receiver: Fingerprint;
  /** Bytes that only the two ends of the connection can know. */
  readonly binding: Uint8Array;
}

/** The sender's side. All texts are base64url. */
export interface Prover {
  readonly request: string;
  /** The proof for the receiver; undefined if the receiver has not proved that it knows the code. */
  readonly finish: (answer: string) => string | undefined;
}

/** The receiver's side. */
export interface Verifier {
  readonly answer: string;
  readonly accepts: (proof: string) => boolean;
}

/**
 * Key stretching slows down a thief of stored password records. Here a record is
 * made for one try, and the code is kept beside it for minutes. So stretching
 * would protect nothing, and would let strangers make the receiver work.
 */
const keyStretching = { 'argon2id-custom': { iterations: 1, memory: 1024, parallelism: 1 } };
/** OPAQUE wants the name of an account; ftx has one account only. */
const userIdentifier = 'ftx';

function identify({ sender, receiver, binding }: Parties): { client: string; server: string } {
  const connection = Buffer.from(binding).toString('hex');
  return { client: `ftx sender ${sender} ${connection}`, server: `ftx receiver ${receiver} ${connection}` };
}

export async function createProver(code: string, parties: Parties): Promise<Prover> {
  await ready;
  const identifiers = identify(parties);
  const { clientLoginState, startLoginRequest } = client.startLogin({ password: code });
  return {
    request: startLoginRequest,
    finish: (loginResponse) =>
      orUndefined(() =>
        client.finishLogin({ password: code, clientLoginState, loginResponse, identifiers, keyStretching }),
      )?.finishLoginRequest,
  };
}

/** Undefined if the request is malformed. Each call makes new keys, so that an answer tells nothing about another try. */
export async function createVerifier(code: string, parties: Parties, request: string): Promise<Verifier | undefined> {
  await ready;
  const identifiers = identify(parties);
  const serverSetup = server.createSetup();
  const registrationRecord = register(code, serverSetup, identifiers);
  const started = orUndefined(() =>
    server.startLogin({ serverSetup, userIdentifier, registrationRecord, startLoginRequest: request, identifiers }),
  );
  if (!started) return undefined;
  const { loginResponse, serverLoginState } = started;
  return {
    answer: loginResponse,
    accepts: (finishLoginRequest) =>
      orUndefined(() => server.finishLogin({ serverLoginState, finishLoginRequest, identifiers })) !== undefined,
  };
}

/** Returns the registration record of the code. In OPAQUE a user registers once over a safe channel; here the receiver plays both parts. */
function register(code: string, serverSetup: string, identifiers: { client: string; server: string }): string {
  const { clientRegistrationState, registrationRequest } = client.startRegistration({ password: code });
  const { registrationResponse } = server.createRegistrationResponse({
    serverSetup,
    userIdentifier,
    registrationRequest,
  });
  return client.finishRegistration({
    password: code,
    clientRegistrationState,
    registrationResponse,
    identifiers,
    keyStretching,
  }).registrationRecord;
}

/** The result of `work`, or undefined if the library throws, as it does at malformed or wrong messages of a peer. */
function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
