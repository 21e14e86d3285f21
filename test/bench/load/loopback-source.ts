/** `loopback-source PORT BYTES` sends in writes of 1 MiB and writes how many seconds it took until all had arrived. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { HOST } from '../ports.js';
import { MIB } from '../sizes.js';

const [port = 0, bytes = 0] = process.argv.slice(2).map(Number);
const block = Buffer.alloc(MIB, 'f');
const socket = connect(port, HOST);
await once(socket, 'connect');

const startMs = performance.now();
for (let left = bytes; left > 0; left -= MIB) {
  if (!socket.write(block.subarray(0, left))) await once(socket, 'drain');
}
socket.end();
await once(socket, 'data');
console.log((performance.now() - startMs) / 1000);
