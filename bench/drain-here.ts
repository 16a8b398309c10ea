import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** What drain.c does, where there is no compiler: it takes the same orders, at several times the cost. */

const total = { open: 0, closed: 0, bytes: 0 };

function begin(kind: string, port: number, target: string): void {
  const socket = connect(port, '127.0.0.1');
  total.open++;
  socket.on('error', () => undefined);
  socket.once('close', () => {
    total.open--;
    total.closed++;
  });
  socket.write(
    [
      `GET ${target} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: tollcast.media.v1',
      '\r\n',
    ].join('\r\n'),
  );
  if (kind === 'read') socket.on('data', ({ length }) => (total.bytes += length));
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === '?') process.stdout.write(`${JSON.stringify(total)}\n`);
  else {
    const [kind = '', port, target = ''] = line.split(' ');
    begin(kind, Number(port), target);
  }
}
process.exit();
