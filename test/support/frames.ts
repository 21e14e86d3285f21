/** What two plain sides say to each other, frame by frame. */
import { connect } from 'node:net';
import { serve } from './strangers.js';

/** Section 2 and 3 of PROTOCOL.md. */
const GREETING_BYTES = 6;
const HEADER_BYTES = 16;
const NAMES = [
  '',
  'hello',
  'offer',
  'ready',
  'data',
  'end',
  'stored',
  'refused',
  'again',
  'error',
  'ping',
  'goodbye',
  'status',
  'have',
  'check',
  'checked',
  'pair',
  'zeros',
  'pack',
  'packed',
];

export interface Frame {
  readonly name: string;
  /** Counted from the first byte in its direction. */
  readonly begin: number;
}

export interface Talk {
  readonly toReceiver: readonly Frame[];
  readonly toSender: readonly Frame[];
}

/** Has `send` talk to the receiver at `port` by way of an address that listens in. */
export async function recordTalk(port: number, send: (address: string) => Promise<unknown>): Promise<Talk> {
  const heard = { toReceiver: [] as Buffer[], toSender: [] as Buffer[] };
  const address = await serve((sender) => {
    const receiver = connect(port, '127.0.0.1');
    sender.on('data', (data) => heard.toReceiver.push(data)).pipe(receiver);
    receiver.on('data', (data) => heard.toSender.push(data)).pipe(sender);
  });
  await send(address);
  return {
    toReceiver: listFrames(Buffer.concat(heard.toReceiver)),
    toSender: listFrames(Buffer.concat(heard.toSender)),
  };
}

function listFrames(bytes: Buffer): Frame[] {
  const frames = [{ name: 'greeting', begin: 0 }];
  for (let begin = GREETING_BYTES; begin + HEADER_BYTES <= bytes.length;) {
    frames.push({ name: NAMES[bytes.readUInt8(begin)] ?? '', begin });
    begin += HEADER_BYTES + bytes.readUInt32BE(begin + 8);
  }
  return frames;
}
