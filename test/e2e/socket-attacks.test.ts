import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { CONTROL_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, until } from './relay-process.ts';

describe('a relay that is sent nonsense over HTTP and WebSocket', () => {
  const scratch = new Scratch();
  let relay: RelayProcess;

  beforeAll(async () => {
    relay = await RelayProcess.start(scratch, { http: { port: 0, allowedOrigins: ['https://shop.example'] } });
    await relay.addProgram('news');
  }, 30_000);

  afterAll(async () => {
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  /** The status line that a request as it stands is answered with. */
  const statusOf = async (request: string): Promise<string> => {
    const { hostname, port } = new URL(relay.httpUrl);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write(request);
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    await once(socket, 'close');
    return answer.split('\r\n')[0] ?? '';
  };

  const upgrade = (target: string, ...headers: string[]) =>
    statusOf(
      [
        `GET ${target} HTTP/1.1`,
        'Host: x',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        ...headers,
        '',
        '',
      ].join('\r\n'),
    );

  const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  const CONTROL = `Sec-WebSocket-Protocol: ${CONTROL_SUBPROTOCOL}`;

  test.each([
    ['a target that is no URL', '//', [KEY, CONTROL], '404'],
    ['a target of half an escape', '/v1/programs/%/media?ticket=%', [KEY, 'Sec-WebSocket-Protocol: tollcast.media.v1'], '401'],
    ['an unknown path', '/v1/nothing', [KEY, CONTROL], '404'],
    ['no subprotocol', '/v1/control', [KEY], '403'],
    ['no key', '/v1/control', [CONTROL], '400'],
    ['a page of another origin', '/v1/control', [KEY, CONTROL, 'Origin: https://evil.example'], '403'],
    ['an origin that is no URL', '/v1/control', [KEY, CONTROL, 'Origin: ::'], '403'],
  ])('refuses an upgrade with %s', async (_, target, headers, status) => {
    expect(await upgrade(target, ...headers)).toMatch(` ${status} `);
  });

  test('lets pages of an allowed origin read prices and open sockets', async () => {
    const { headers } = await fetch(`${relay.httpUrl}/v1/programs`, { headers: { origin: 'https://shop.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('https://shop.example');
    const socket = new WebSocket(`${relay.httpUrl.replace('http', 'ws')}/v1/control`, CONTROL_SUBPROTOCOL, {
      origin: 'https://shop.example',
    });
    await once(socket, 'message');
    socket.close();
  });

  test.each([
    ['nothing that is JSON', 'nonsense'],
    ['JSON that is no message', '[]'],
    ['a message with a field too many', '{"type":"stop","more":1}'],
    ['a token that has a length, and is none', '{"type":"watch","token":{"length":{"toString":null}},"jws":""}'],
    ['a receipt before a viewing', '{"type":"receipt","jws":"a.b.c"}', 'bad-state'],
    ['a resume of nothing', '{"type":"resume","viewing":"x","jws":"a.b.c"}', 'resume-invalid'],
    ['a watch that is no JWS', '{"type":"watch","token":"x","jws":"x"}', 'token-invalid'],
  ])('answers %s with a typed error and closes', async (_, message, code = 'bad-message') => {
    const viewer = new RawViewer(relay.httpUrl);
    await viewer.connect();
    viewer.control.send(message);
    expect(await until(() => viewer.last('error'), 'an error')).toMatchObject({ code, fatal: true });
    await until(() => viewer.closeCode, 'closed');
  });

  test('closes a socket that sends binary, too much at once or too often', async () => {
    const floods: ((viewer: RawViewer) => void)[] = [
      (viewer) => viewer.control.send(Buffer.alloc(10)),
      (viewer) => viewer.control.send('x'.repeat(20_000)),
      (viewer) => {
        for (let sent = 0; sent < 100; sent++) viewer.say({ type: 'ticket' });
      },
    ];
    for (const flood of floods) {
      const viewer = new RawViewer(relay.httpUrl);
      await viewer.connect();
      viewer.control.on('error', () => undefined);
      flood(viewer);
      await until(() => viewer.closeCode, 'closed');
    }
  });

  test('is alive after all that', async () => {
    expect(await (await fetch(`${relay.httpUrl}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${relay.httpUrl}/metrics`)).text()).toMatch(/^tollcast_viewings 0$/m);
    expect((await fetch(`${relay.httpUrl}/v1/viewings`)).status).toBe(401);
    expect(relay.isRunning).toBe(true);
  });
});
