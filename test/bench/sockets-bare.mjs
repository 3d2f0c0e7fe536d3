/** The least that could push: a `ws` server that sends each text of a client to all others, serialised once. Prints its port. */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  process.stdout.write(`${server.address().port}\n`);
});
server.on('connection', (socket) => {
  socket.send('{"type":"connection_established","online_users":[]}');
  socket.on('message', (data) => {
    const { payload } = JSON.parse(data.toString('utf8'));
    const text = JSON.stringify({ type: 'new_group_message', ...payload });
    for (const other of server.clients) if (other !== socket) other.send(text);
  });
});
