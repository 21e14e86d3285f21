/** Takes streams and throws them away. Writes its port; tells each caller when all has arrived. */
import { createServer, type AddressInfo } from 'node:net';
import { HOST } from '../ports.js';

const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', () => undefined);
  socket.on('end', () => socket.end('done'));
});
server.listen(0, HOST, () => console.log((server.address() as AddressInfo).port));
