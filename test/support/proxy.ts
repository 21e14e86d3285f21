/** A TCP proxy between a sender and a receiver that damages what passes, at a byte counted from the start. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type Fault =
  /** Turns one bit (0 to 7) of the byte at `flip` over, once. */
  | { readonly flip: number; readonly bit: number }
  /** Resets both connections once this many bytes have passed. */
  | { readonly cut: number }
  /** Closes both in order once this many bytes have passed, as if all had been said. */
  | { readonly close: number }
  /** Lets this many bytes pass and then reads no more: back-pressure, but no sign of an end. */
  | { readonly stall: number };

export interface Faults {
  readonly toReceiver?: Fault;
  readonly toSender?: Fault;
}

export interface Proxy {
  readonly port: number;
  /** `127.0.0.1:port`, for --to. */
  readonly address: string;
  /** Resolves when a fault has struck for the first time. */
  readonly struck: Promise<void>;
  /** Resolves when both sides of the first connection are closed. */
  readonly closed: Promise<void>;
  /** Bytes that have passed so far, of all connections. */
  readonly passed: { toReceiver: number; toSender: number };
  /** Ends all stalls: what was held passes on, and new connections are without a fault. */
  resume(): void;
  /** Drops all connections and takes no more; happens by itself when the test ends. */
  close(): void;
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** Listens on a free port and joins each connection to the receiver at `port`, which is asked for anew each time if it is a function. */
export async function startProxy(port: number | (() => number), faults: Faults = {}): Promise<Proxy> {
  const struck = defer();
  const closed = defer();
  const passed = { toReceiver: 0, toSender: 0 };
  const stalls = new Set<() => void>();
  const sockets = new Set<Socket>();
  let isOver = false;

  const server = createServer({ allowHalfOpen: true }, (sender) => {
    const receiver = connect({
      port: typeof port === 'number' ? port : port(),
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    const pair = [sender, receiver] as const;
    for (const socket of pair) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    join(sender, receiver, 'toReceiver');
    join(receiver, sender, 'toSender');
    const gone = pair.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    void Promise.all(gone).then(closed.resolve);
  });

  const join = (from: Socket, to: Socket, direction: 'toReceiver' | 'toSender'): void => {
    const damage = makeDamage(isOver ? undefined : faults[direction]);
    let stalled = false;
    const pass = (data: Buffer): void => {
      if (data.length === 0 || to.writableEnded) return;
      passed[direction] += data.length;
      if (!to.write(data)) from.pause();
    };
    const strike = {
      none: () => undefined,
      flip: () => undefined,
      // An empty write: what has passed leaves before the connection does.
      cut: () => to.write('', () => [from, to].forEach((socket) => socket.resetAndDestroy())),
      close: () => to.write('', () => [from, to].forEach((socket) => socket.destroySoon())),
      stall: (held: Buffer) => {
        stalled = true;
        from.pause();
        stalls.add(() => {
          stalled = false;
          from.resume();
          pass(held);
        });
      },
    };
    from.on('data', (data) => {
      const { forward, held, action } = damage(data);
      pass(forward);
      strike[action](held);
      if (action !== 'none') struck.resolve();
    });
    to.on('drain', () => {
      if (!stalled) from.resume();
    });
    from.on('end', () => to.end());
    from.on('close', (hadError) => {
      if (hadError) to.resetAndDestroy();
      else to.end();
    });
  };

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  onTestFinished(close);
  const own = (server.address() as AddressInfo).port;
  return {
    port: own,
    address: `127.0.0.1:${own}`,
    struck: struck.promise,
    closed: closed.promise,
    passed,
    close,
    resume: () => {
      isOver = true;
      const held = [...stalls];
      stalls.clear();
      for (const go of held) go();
    },
  };
}

interface Damaged {
  readonly forward: Buffer;
  readonly held: Buffer;
  readonly action: 'none' | 'flip' | 'cut' | 'close' | 'stall';
}

/** One direction's fault as a function over its pieces, in order. */
function makeDamage(fault: Fault | undefined): (data: Buffer) => Damaged {
  let seen = 0;
  let over = fault === undefined;
  return (data) => {
    const start = seen;
    seen += data.length;
    const none = { forward: data, held: Buffer.alloc(0), action: 'none' } as const;
    if (over || fault === undefined) return none;
    if ('flip' in fault) {
      if (seen <= fault.flip) return none;
      over = true;
      const at = fault.flip - start;
      data.writeUInt8(data.readUInt8(at) ^ (1 << fault.bit), at);
      return { ...none, action: 'flip' };
    }
    const [action, limit] = limitOf(fault);
    if (seen < limit) return none;
    over = true;
    const at = limit - start;
    return { forward: data.subarray(0, at), held: data.subarray(at), action };
  };
}

function limitOf(fault: Exclude<Fault, { flip: number }>): ['cut' | 'close' | 'stall', number] {
  if ('cut' in fault) return ['cut', fault.cut];
  if ('close' in fault) return ['close', fault.close];
  return ['stall', fault.stall];
}

function defer(): Deferred {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
