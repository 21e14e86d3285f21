/**
 * Both sides find out whether they know the same code, and nobody learns more
 * than whether one guess was right: OPAQUE (RFC 9807), PROTOCOL.md section 13.
 */
import { client, ready, server } from '@serenity-kit/opaque';
import type { Fingerprint } from '../core/fingerprint.js';

/** Who pairs, over which connection: all of it has to be the same on both sides. */
export interface Parties {
  readonly sender: Fingerprint;
  readonly receiver: Fingerprint;
  /** What only the two ends of the connection can know. */
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
 * Stretching slows down who has stolen a record of passwords. Here the record
 * is made for one try and the code is kept beside it, for minutes: there is
 * nothing to slow down, and a stranger must not be able to make us work.
 */
const keyStretching = { 'argon2id-custom': { iterations: 1, memory: 1024, parallelism: 1 } };
/** There is one account only. */
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

/** Undefined if the request is malformed. The keys behind the answer are made for it alone, so that tries have nothing in common. */
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

/** What a user of OPAQUE does once over a safe channel, a receiver does with itself. */
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

/** The library throws at whatever a peer gets wrong. */
function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
