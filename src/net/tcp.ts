/**
 * Connections over TCP.
 *
 * The life of a connection: dial.ts or listen.ts makes a socket and wraps it
 * into a TcpConnection. Of an accepted one, accept.ts reads the first bytes to
 * find out which protocol the caller speaks. If it is TLS, upgrade() replaces
 * the socket by one that encrypts (tls.ts). shareReads() may make it read faster
 * (shared-reads.ts). From then on, bytes that come wait in
 * an Inflow for the session to read them, and the socket is paused while too
 * many wait. A connection ends in one of three ways. The peer ends its side, and
 * reads return undefined. The network fails, and all reads and writes reject
 * with `lost`. Or this side destroys the connection for a reason, which all
 * reads and writes reject with; the socket then lingers for a moment.
 */
import type { Socket } from 'node:net';
import { formatAddress, type Address, unmapHost } from '../core/address.js';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import type { Connection } from '../core/connection.js';
import { Inflow } from './inflow.js';
import { shareDecryptedReads, shareReads } from './shared-reads.js';

/** How long a destroyed connection may take to send what was written before. */
const LINGER_MS = 1_000;
/** Sockets that linger at the same time, unless the listener says otherwise. */
const MAX_LINGERING = 24;

/**
 * Wraps a connected socket made with `allowHalfOpen`, and owns it from then on.
 * A destroyed connection lingers: it sends what was written before, and reads
 * and drops what comes, until the peer ends its side or LINGER_MS are over. A
 * socket that is closed with unread bytes would reset the connection, and the
 * peer would not get the last message.
 */
export class TcpConnection implements Connection {
  readonly address: Address;
  readonly #farewells: Farewells;
  #socket: Socket;
  #detach: () => void;
  readonly #inflow = new Inflow();
  readonly #writers = new Set<(reason: Error) => void>();
  #isPaused = false;
  #upgrade: 'none' | 'under way' | 'done' = 'none';
  #failure: Error | undefined;

  constructor(socket: Socket, farewells = commonFarewells) {
    this.#socket = socket;
    this.#farewells = farewells;
    this.address = { host: unmapHost(socket.remoteAddress ?? 'unknown'), port: socket.remotePort ?? 0 };
    socket.setNoDelay(true);
    this.#detach = this.#attach(socket);
  }

  /** Whether upgrade() has replaced the socket. */
  get isUpgraded(): boolean {
    return this.#upgrade === 'done';
  }

  /**
   * Replaces the socket by the one that `wrap` resolves with, which reads from
   * the old one. `read`: bytes that were read already, which `wrap` needs. Not
   * to be read from or written to meanwhile. Rejects with the reason if the
   * connection is destroyed meanwhile, with FtxError `lost` if the peer has ended
   * its side before, else as `wrap` does.
   */
  async upgrade<S extends Socket>(read: Uint8Array, wrap: (socket: Socket) => Promise<S>): Promise<S> {
    const socket = this.#socket;
    if (this.#inflow.hasEnded) throw lossError(this.address);
    this.#detach();
    socket.pause();
    // Nobody who has ended its side can finish a handshake: then the socket closes, and what wraps it.
    socket.allowHalfOpen = false;
    // From here on, the new socket or `wrap` reports what goes wrong with the old one.
    socket.on('error', () => undefined);
    for (const bytes of [read, ...this.#inflow.takeAll()].reverse()) socket.unshift(bytes);
    this.#upgrade = 'under way';
    const wrapped = await wrap(socket).catch((error: unknown) => {
      throw this.#failure ?? error;
    });
    this.#upgrade = 'done';
    if (this.#failure) {
      wrapped.destroy();
      throw this.#failure;
    }
    wrapped.allowHalfOpen = true;
    this.#socket = wrapped;
    this.#detach = this.#attach(wrapped);
    return wrapped;
  }

  /** Makes reading cheaper where Node allows it. Only for an accepted connection, after its upgrade if it has one. */
  shareReads(): void {
    const onBytes = (bytes: Uint8Array): boolean => {
      this.#isPaused = !this.#inflow.push(bytes, true);
      return !this.#isPaused;
    };
    if (this.isUpgraded) return void shareDecryptedReads(this.#socket, onBytes);
    const sharing = shareReads(this.#socket, onBytes);
    if (!sharing) return;
    this.#detach();
    this.#socket = sharing;
    this.#detach = this.#attach(sharing);
  }

  /** Listens to the socket. Returns a function that removes the listeners. */
  #attach(socket: Socket): () => void {
    this.#isPaused = false;
    const listeners = {
      data: (bytes: Uint8Array) => {
        this.#isPaused = !this.#inflow.push(bytes, false);
        if (this.#isPaused) socket.pause();
      },
      end: () => this.#inflow.end(),
      error: (error: Error) => this.#fail(lossError(this.address, error)),
      close: () => this.#fail(lossError(this.address)),
    };
    const entries = Object.entries(listeners);
    for (const [event, listener] of entries) socket.on(event, listener);
    return () => {
      for (const [event, listener] of entries) socket.off(event, listener);
    };
  }

  /** What arrived before the connection was lost can be read after that too. */
  read(): Promise<Uint8Array | undefined> {
    return this.#reading(this.#inflow.read());
  }

  readInto(target: Uint8Array, onBytes: (bytes: number) => void): Promise<number> {
    return this.#reading(this.#inflow.readInto(target, onBytes));
  }

  /** Lets the socket go on reading if the read that has just begun has emptied the queue. */
  #reading<T>(read: Promise<T>): Promise<T> {
    if (this.#isPaused && this.#inflow.isEmpty) {
      this.#isPaused = false;
      this.#socket.resume();
    }
    return read;
  }

  write(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#upgrade === 'under way')
      return Promise.reject(new FtxError('protocol', 'Nothing can be said in the middle of a handshake.'));
    return new Promise((resolve, reject) => {
      this.#writers.add(reject);
      writeTogether(this.#socket, parts, () => {
        this.#writers.delete(reject);
        resolve();
      });
    });
  }

  end(): void {
    this.#socket.end();
  }

  destroy(reason: Error): void {
    this.#inflow.clear();
    this.#fail(reason);
    // In the middle of an upgrade no last message could be sent.
    if (this.#upgrade === 'under way') this.#socket.destroy();
    else if (!this.#socket.destroyed) this.#farewells.linger(this.#socket);
  }

  #fail(reason: Error): void {
    this.#failure ??= reason;
    this.#inflow.fail(this.#failure);
    for (const reject of this.#writers) reject(this.#failure);
    this.#writers.clear();
  }
}

/** Makes one system call of all that is written in this turn of the event loop. Calls `done` unless writing fails. */
function writeTogether(socket: Socket, parts: readonly Uint8Array[], done: () => void): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  parts.forEach((part, index) => {
    if (index < parts.length - 1) socket.write(part);
    else socket.write(part, (error) => error ?? done());
  });
}

/** The sockets of destroyed connections, while they send what was written last. */
export interface Farewells {
  /** Ends the socket, and destroys it when the peer has ended too, or after LINGER_MS. */
  linger(socket: Socket): void;
}

/** At most `most` sockets linger. One more destroys the oldest at once, and its peer may miss the last message. */
export function createFarewells(most: number): Farewells {
  /** The oldest first. */
  const lingering = new Set<Socket>();
  return {
    linger(socket) {
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      lingering.add(socket);
      socket.once('close', () => {
        clearTimeout(timer);
        lingering.delete(socket);
      });
      if (lingering.size > most) lingering.values().next().value?.destroy();
      socket.resume();
      socket.end();
    },
  };
}

const commonFarewells = createFarewells(MAX_LINGERING);

function lossError(address: Address, cause?: Error): FtxError {
  const code = errnoOf(cause) ?? 'ECONNRESET';
  const why =
    code === 'ECONNRESET' ? '' : code.startsWith('ERR_SSL') ? ' (its encryption failed)' : ` (${nameFailure(cause)})`;
  return new FtxError('lost', `The connection to ${formatAddress(address)} was lost${why}. Send again.`, { cause });
}
