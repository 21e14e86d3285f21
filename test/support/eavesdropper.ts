/** Somebody on the way who records what passes, and passes it on as it is. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { serve } from './strangers.js';

export interface Eavesdropper {
  /** `127.0.0.1:port`, for --to. */
  readonly address: string;
  /** All that was said so far, by both sides. */
  heard(): Buffer;
  /** Calls the receiver, says what the senders have said, and waits until it is dropped. */
  sayAgain(): Promise<void>;
}

export async function eavesdrop(port: number): Promise<Eavesdropper> {
  const heard: Buffer[] = [];
  const said: Buffer[] = [];
  const address = await serve((sender) => {
    const receiver = connect(port, '127.0.0.1').on('error', () => undefined);
    sender.on('data', (data) => said.push(data));
    for (const socket of [sender, receiver]) socket.on('data', (data) => heard.push(data));
    sender.pipe(receiver).pipe(sender);
  });
  return {
    address,
    heard: () => Buffer.concat(heard),
    async sayAgain() {
      const replay = connect(port, '127.0.0.1', () => replay.end(Buffer.concat(said)));
      await once(replay.on('error', () => undefined).resume(), 'close');
    },
  };
}
