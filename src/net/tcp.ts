/** Connections over TCP. */
import type { Socket } from 'node:net';
import { formatAddress } from '../core/address.js';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import type { Connection } from '../core/connection.js';
import { Inflow } from './inflow.js';
import { shareReads } from './shared-reads.js';

/** How long a destroyed connection may still take to send what was written before. */
const LINGER_MS = 1_000;
const MAX_LINGERING = 24;

/**
 * Wraps a connected socket made with `allowHalfOpen`, and owns it from then on.
 * Destroying it sends what was written before and goes on reading, unheard,
 * until the peer ends or LINGER_MS are over: a socket that is closed with bytes
 * unread resets the connection, and the peer never sees our last words.
 */
export class TcpConnection implements Connection {
  readonly peer: string;
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
    this.peer = formatAddress({ host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 });
    socket.setNoDelay(true);
    this.#detach = this.#attach(socket);
  }

  /** Whether what is written now goes through what upgrade() has put around the socket. */
  get isUpgraded(): boolean {
    return this.#upgrade === 'done';
  }

  /**
   * Puts `read` back, hands the socket to `wrap`, and goes on with the one that
   * it resolves with. Nobody may read or write meanwhile.
   */
  async upgrade<S extends Socket>(read: Uint8Array, wrap: (socket: Socket) => Promise<S>): Promise<S> {
    const socket = this.#socket;
    this.#detach();
    socket.pause();
    // What goes wrong with it from here on, `wrap` or what came of it tells.
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
    this.#socket = wrapped;
    this.#detach = this.#attach(wrapped);
    return wrapped;
  }

  /** Makes reading cheaper where that is possible, on an accepted connection that is not going to be upgraded. */
  shareReads(): void {
    const sharing = shareReads(this.#socket, (bytes) => {
      this.#isPaused = !this.#inflow.push(bytes, true);
      return !this.#isPaused;
    });
    if (!sharing) return;
    this.#detach();
    this.#socket = sharing;
    this.#detach = this.#attach(sharing);
  }

  /** Returns what takes the listeners away again. */
  #attach(socket: Socket): () => void {
    this.#isPaused = false;
    const listeners = {
      data: (bytes: Uint8Array) => {
        this.#isPaused = !this.#inflow.push(bytes, false);
        if (this.#isPaused) socket.pause();
      },
      end: () => this.#inflow.end(),
      error: (error: Error) => this.#fail(describeLoss(this.peer, error)),
      close: () => this.#fail(describeLoss(this.peer)),
    };
    const entries = Object.entries(listeners);
    for (const [event, listener] of entries) socket.on(event, listener);
    return () => {
      for (const [event, listener] of entries) socket.off(event, listener);
    };
  }

  /** What arrived before the connection was lost can still be read. */
  read(): Promise<Uint8Array | undefined> {
    return this.#reading(this.#inflow.read());
  }

  readInto(target: Uint8Array, onBytes: (bytes: number) => void): Promise<number> {
    return this.#reading(this.#inflow.readInto(target, onBytes));
  }

  /** What was taken made room for more. */
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
    // In the middle of an upgrade there are no last words.
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

/** One system call for all that is written in this turn of the event loop. `done` is not called on failure. */
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

/** Destroyed connections that linger. */
export interface Farewells {
  /** Destroys the socket when the peer has ended, or after LINGER_MS. */
  linger(socket: Socket): void;
}

/** At most so many at a time: who connects faster than that gets no last words. */
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

function describeLoss(peer: string, cause?: Error): FtxError {
  const code = errnoOf(cause) ?? 'ECONNRESET';
  const why =
    code === 'ECONNRESET' ? '' : code.startsWith('ERR_SSL') ? ' (its encryption failed)' : ` (${nameFailure(cause)})`;
  return new FtxError('lost', `The connection to ${peer} was lost${why}. Send again.`, { cause });
}
