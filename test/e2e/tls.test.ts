import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { CONTROL_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { freePort } from './free-port.ts';
import { Scratch, ServerProcess, tollcast, until } from './relay-process.ts';
import { selfSigned } from './self-signed.ts';

const HANDSHAKE_BYTES = 1_536;

describe('a relay with certificates', () => {
  const scratch = new Scratch();
  const files = { certFile: scratch.file('cert.pem'), keyFile: scratch.file('key.pem') };
  let relay: ServerProcess;
  let httpPort: number;
  let rtmpsPort: number;
  let mediaPort: number;

  const put = ({ cert, key }: { cert: string; key: string }): void => {
    writeFileSync(files.certFile, cert);
    writeFileSync(files.keyFile, key);
  };

  const open = async (port: number): Promise<TLSSocket> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  };

  /** The common names of what a new connection to each port is shown. */
  const shown = async (): Promise<string> => {
    const names: string[] = [];
    for (const port of [httpPort, mediaPort, rtmpsPort]) {
      const socket = await open(port);
      names.push(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    }
    return names.join(' ');
  };

  const shows = (name: string) => until(async () => (await shown()) === `${name} ${name} ${name}`, `all ports show ${name}`);

  const lines = (message: RegExp): string[] => relay.log.split('\n').filter((line) => message.test(line));

  beforeAll(async () => {
    put(selfSigned('first'));
    [httpPort, rtmpsPort, mediaPort] = [await freePort(), await freePort(), await freePort()];
    const config = {
      http: { port: httpPort, tls: files },
      rtmp: { port: 0, handshakeTimeoutMs: 60_000 },
      rtmps: { port: rtmpsPort, ...files },
      viewers: { mediaThreads: 1, mediaPort },
    };
    relay = await ServerProcess.start(scratch, 'serve', config, ['viewers', 'broadcasters'], scratch.file('data'));
  }, 30_000);

  afterAll(async () => {
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  test('shows new ones without a restart, and open connections go on', async () => {
    await shows('first');
    const control = new WebSocket(`wss://127.0.0.1:${httpPort}/v1/control`, CONTROL_SUBPROTOCOL, { rejectUnauthorized: false });
    await once(control, 'message');
    const rtmps = await open(rtmpsPort);

    put(selfSigned('second'));
    await shows('second');

    control.send('{"type":"stop"}');
    const [answer] = await once(control, 'message');
    expect(JSON.parse(String(answer))).toMatchObject({ code: 'bad-state' });
    rtmps.write(Buffer.concat([Buffer.of(3), Buffer.alloc(HANDSHAKE_BYTES)]));
    const [s0] = (await once(rtmps, 'data')) as [Buffer];
    expect(s0[0]).toBe(3);
    rtmps.destroy();
  }, 30_000);

  test('keeps the old ones where new ones are broken, says so once, and takes the next that are whole at SIGHUP', async () => {
    await shows('second');
    // The key of another certificate.
    writeFileSync(files.keyFile, selfSigned('other').key);
    // Once for each port that has them.
    await until(() => lines(/the new TLS certificate cannot be used/).length === 2, 'told of');
    await shows('second');
    put(selfSigned('third'));
    process.kill(relay.pid, 'SIGHUP');
    await shows('third');
    expect(relay.isRunning).toBe(true);
    expect(lines(/the new TLS certificate cannot be used/)).toHaveLength(2);
    for (const line of lines(/the new TLS certificate cannot be used/)) expect(line).not.toMatch('PRIVATE');
  }, 30_000);

  test('follows links that are turned to other files, as certbot leaves them', async () => {
    const fourth = selfSigned('fourth');
    writeFileSync(scratch.file('cert4.pem'), fourth.cert);
    writeFileSync(scratch.file('key4.pem'), fourth.key);
    symlinkSync(scratch.file('cert4.pem'), scratch.file('cert.link'));
    symlinkSync(scratch.file('key4.pem'), scratch.file('key.link'));
    renameSync(scratch.file('cert.link'), files.certFile);
    renameSync(scratch.file('key.link'), files.keyFile);
    await shows('fourth');
  }, 30_000);

  test('says at the start and with each new one that it runs out soon, and when in its metrics', async () => {
    expect(lines(/the TLS certificate runs out soon/).length).toBeGreaterThanOrEqual(2);
    const text = await new Promise<string>((resolve, reject) => {
      const request = get(`https://127.0.0.1:${httpPort}/metrics`, { rejectUnauthorized: false }, (response) => {
        response.toArray().then((pieces) => resolve(Buffer.concat(pieces).toString()), reject);
      });
      request.on('error', reject);
    });
    const figures = [...text.matchAll(/^tollcast_certificate_expiry_seconds\{port="(\w+)"\} (\d+)$/gm)];
    expect(figures.map(([, port]) => port)).toEqual(['http', 'rtmps']);
    for (const [, , seconds] of figures) expect(Math.abs(Number(seconds) - Date.now() / 1_000 - 86_400)).toBeLessThan(600);
  });

  test('tells browsers to come by HTTPS only', async () => {
    const request = get(`https://127.0.0.1:${httpPort}/healthz`, { rejectUnauthorized: false });
    const [response] = await once(request, 'response');
    expect(response.headers['strict-transport-security']).toBe('max-age=31536000');
    response.resume();
  });
});

test('SIGHUP ends no server that runs without a terminal, with or without certificates', async () => {
  using scratch = new Scratch();
  const config = { http: { port: 0 }, rtmp: { port: 0 } };
  const relay = await ServerProcess.start(scratch, 'serve', config, ['viewers', 'broadcasters'], scratch.file('data'));
  try {
    process.kill(relay.pid, 'SIGHUP');
    expect(await (await fetch(`${relay.url('viewers')}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await relay.stop()).toBe(0);
  } finally {
    await relay.kill();
  }
}, 20_000);

test('a certificate without its key is refused at start in one line', async () => {
  using scratch = new Scratch();
  writeFileSync(scratch.file('cert.pem'), selfSigned('first').cert);
  writeFileSync(scratch.file('key.pem'), selfSigned('second').key);
  const tls = { certFile: scratch.file('cert.pem'), keyFile: scratch.file('key.pem') };
  writeFileSync(scratch.file('config.yaml'), JSON.stringify({ http: { port: 0, tls }, rtmp: { port: 0 } }));
  const { code, stderr } = await tollcast('serve', '--config', scratch.file('config.yaml'), '--data', scratch.file('data'));
  expect(code).toBe(2);
  expect(stderr).toMatch(/^tollcast: \S+ and \S+ are no certificate with its key: [^\n]+\n$/);
  expect(new X509Certificate(selfSigned('x').cert).subject).toBe('CN=x');
}, 20_000);
