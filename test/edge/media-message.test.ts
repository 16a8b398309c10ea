import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { encodeMediaMessage } from '../../src/edge/media-message.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';

/** What a message of one chunk adds to its bytes. */
const LENGTH_BYTES = 4;

const chunkOf = (bytes: number): SealedChunk => ({
  epoch: 1,
  counter: 0,
  flags: 0,
  bytes: Buffer.alloc(bytes - LENGTH_BYTES, 1),
});

test('is a WebSocket frame that another implementation reads, at each length of its header, between pings and messages of the other', async () => {
  const sizes = [5, 125, 126, 127, 65_535, 65_536, 300_000];
  const sent = sizes.map((bytes) => encodeMediaMessage([chunkOf(bytes)]));
  const http = createServer().listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  http.on('upgrade', (request, stream, head) =>
    sockets.handleUpgrade(request, stream, head, (socket) => {
      for (const { frame } of sent) {
        socket.ping();
        stream.write(frame);
        socket.send('between');
      }
      socket.close(1000);
    }),
  );
  await once(http, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const got: Buffer[] = [];
  let [pings, between] = [0, 0];
  client.on('ping', () => pings++);
  client.on('message', (data: Buffer, isBinary) => {
    if (isBinary) got.push(data);
    else between++;
  });
  const [code] = await once(client, 'close');
  http.close();
  expect({ code, pings, between }).toEqual({ code: 1000, pings: sizes.length, between: sizes.length });
  expect(got.map(({ length }) => length)).toEqual(sizes);
  for (const message of got) {
    expect(message.readUInt32BE()).toBe(message.length - LENGTH_BYTES);
    expect(message.subarray(LENGTH_BYTES).every((byte) => byte === 1)).toBe(true);
  }
});
