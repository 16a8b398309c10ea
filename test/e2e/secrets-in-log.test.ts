import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { publishFile } from '../../src/ingest/publisher.ts';
import { CONTROL_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';
import { freePort } from './free-port.ts';
import { NatsProcess } from './nats-process.ts';
import { natsServer } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { Operated, Scratch, startTollcast, tollcast, until } from './relay-process.ts';

const CLIP = fileURLToPath(new URL('../../config/demo/clip.flv', import.meta.url));
const TRACE = { level: 'trace' };
const KEYS = { periodMs: 1_000 };

/** What is to be ended, whatever becomes of a test. */
const running: { kill(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await each.kill();
});

/** A server at the most talkative log level, and all that it says. */
class Talker {
  readonly #child: ChildProcess;
  #said = '';

  constructor(scratch: Scratch, command: string, config: object, ...args: string[]) {
    const file = scratch.file(`${command}.json`);
    writeFileSync(file, JSON.stringify({ ...config, log: TRACE }));
    this.#child = startTollcast(command, '--config', file, ...args);
    running.push(this);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
  }

  get said(): string {
    return this.#said;
  }

  url(forWhom: string): Promise<string> {
    return until(() => new RegExp(`for ${forWhom}\\s+(\\S+)`).exec(this.#said)?.[1], `listens for ${forWhom}: ${this.#said}`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await once(this.#child, 'close');
  }
}

/** Every way in which a log might put a secret, by what the secret is. */
class Secrets {
  readonly #forms = new Map<string, string>();

  text(what: string, secret: string): void {
    expect(secret.length).toBeGreaterThan(30);
    this.#forms.set(secret, what);
    this.#forms.set(encodeURIComponent(secret), what);
    this.#forms.set(Buffer.from(secret).toString('base64'), what);
    // Of a token its signature is what is secret.
    if (secret.split('.').length === 3) this.#forms.set(secret.split('.')[2] ?? '', what);
  }

  bytes(what: string, secret: Uint8Array): void {
    const bytes = Buffer.from(secret);
    for (const form of ['base64url', 'base64', 'hex'] as const) this.#forms.set(bytes.toString(form), what);
    this.#forms.set(bytes.toString('hex').toUpperCase(), what);
    this.#forms.set([...bytes].join(','), what);
  }

  /** What of them a text shows. */
  shownBy(text: string): string[] {
    const compact = text.replaceAll(/(?<=\d),\s+(?=\d)/g, ',');
    return [...this.#forms].filter(([form]) => text.includes(form) || compact.includes(form)).map(([, what]) => what);
  }

  get kinds(): number {
    return new Set(this.#forms.values()).size;
  }
}

const refused = async (url: string): Promise<void> => {
  await expect(publishFile(CLIP, url)).rejects.toThrow();
};

/** What goes right and what goes wrong in a life of a deployment. */
async function live(operated: Operated, streamKey: string, secrets: Secrets): Promise<void> {
  const { rtmpUrl, httpUrl, data } = operated;
  secrets.text('stream key', streamKey);
  const other = await operated.addProgram('other');
  secrets.text('stream key of another', other.streamKey);
  secrets.bytes('token secret', openDataFolder(data).tokenSecret);
  secrets.text('token secret as it is written', readFileSync(`${data}/token.secret`, 'utf8').trim());

  const ended = new AbortController();
  const publishing = publishFile(CLIP, `${rtmpUrl}/news?key=${streamKey}`, { loop: true, signal: ended.signal }).catch(
    () => undefined,
  );
  await until(() => operated.isLive(), 'live');
  // A second publisher, a wrong key, and keys where they do not belong, as people put them.
  await refused(`${rtmpUrl}/news?key=${streamKey}`);
  await refused(`${rtmpUrl}/news?key=${other.streamKey}`);
  await refused(`${rtmpUrl}/nothing?key=${streamKey}`);
  await refused(`${rtmpUrl}/${streamKey}`);
  await refused(`${rtmpUrl}/${streamKey}?key=${streamKey}`);
  await refused(`${rtmpUrl}/news/${streamKey}`);

  const [token, operator] = [await operated.viewerToken('news', 'alice'), await operatorToken(data)];
  secrets.text('viewer token', token);
  secrets.text('operator token', operator);
  const viewer = new RawViewer(httpUrl);
  await viewer.watch('news', token);
  await until(() => viewer.keys.size >= 3, 'three keys');
  const ticket = (await until(() => viewer.last('ticket'), 'a ticket')).ticket;
  secrets.text('ticket', ticket);
  for (const [epoch, key] of viewer.keys) secrets.bytes(`content key ${epoch}`, key);

  const expired = await signViewerToken({ viewer: 'bob', programs: ['news'], ttlSeconds: -1 }, openDataFolder(data).tokenSecret);
  secrets.text('expired token', expired);
  for (const bad of [expired, operator, `${token}x`, `${token.slice(0, -5)}AAAAA`]) {
    const late = new RawViewer(httpUrl);
    await late.watch('news', bad);
    await until(() => late.closeCode, 'refused');
  }
  for (const message of [
    { type: 'watch', token, jws: 'x' },
    { type: 'watch', token, jws: 7 },
    { type: token, token },
    { token },
    [token],
  ]) {
    const socket = new WebSocket(`${httpUrl.replace('http', 'ws')}/v1/control`, CONTROL_SUBPROTOCOL);
    await once(socket, 'message');
    socket.send(JSON.stringify(message));
    await once(socket, 'close');
  }
  for (const program of ['news', 'other', '%']) {
    const media = viewer.openMedia(`/v1/programs/${program}/media?ticket=${ticket}`);
    await Promise.race([once(media, 'unexpected-response'), once(media, 'close')]);
  }
  const ask = (path: string, bearer: string, method = 'GET') =>
    fetch(`${httpUrl}${path}`, { method, headers: { authorization: `Bearer ${bearer}` } });
  expect((await ask('/v1/viewings', operator)).status).toBe(200);
  for (const bearer of [token, expired, `${operator}x`]) expect((await ask('/v1/viewings', bearer)).status).toBe(401);
  for (const path of [`/${operator}`, `/watch/news?token=${token}`, `/watch/%?token=${token}`, `/v1/viewings/${token}`])
    await ask(path, operator, 'DELETE');
  expect((await ask(`/v1/viewings/${viewer.viewing}`, operator, 'DELETE')).status).toBe(204);
  await until(() => viewer.last('ended'), 'revoked');
  ended.abort();
  await publishing;

  const rotated = await tollcast('token', 'rotate', '--data', data);
  expect(secrets.shownBy(rotated.stdout + rotated.stderr)).toEqual([]);
  secrets.bytes('the next token secret', openDataFolder(data).tokenSecret);
  await until(async () => (await ask('/v1/viewings', await operatorToken(data))).status === 200, 'another secret signs');
}

const operatorToken = async (data: string): Promise<string> =>
  (await tollcast('token', 'operator', '--data', data)).stdout.trim();

test('a relay that logs all it can shows no secret of anybody', async () => {
  using scratch = new Scratch();
  const data = scratch.file('data');
  const config = { http: { port: 0 }, rtmp: { port: 0 }, keys: KEYS, broadcast: { graceMs: 0 } };
  const relay = new Talker(scratch, 'serve', config, '--data', data);
  const operated = new Operated(data, await relay.url('viewers'), await relay.url('broadcasters'));
  const secrets = new Secrets();
  const { streamKey } = await operated.addProgram('news');
  await live(operated, streamKey, secrets);
  await relay.stop();
  expect(relay.said).toMatch('stream-key-wrong');
  expect(relay.said).toMatch('token-expired');
  expect(secrets.kinds).toBeGreaterThan(10);
  expect(secrets.shownBy(relay.said)).toEqual([]);
  expect(secrets.shownBy(`{"x":"${streamKey}"}`)).toEqual(['stream key']);
}, 60_000);

(natsServer === undefined ? test.skip : test)(
  'neither do authority, encryptor and edge on hosts of their own',
  async () => {
    using scratch = new Scratch();
    const data = scratch.file('data');
    const nats = await NatsProcess.start(scratch, ['e1']);
    running.push(nats);
    const httpPort = await freePort();
    const secrets = new Secrets();
    const { streamKey } = await new Operated(data, '', '').addProgram('news');
    const added = await tollcast('credentials', 'encryptor', 'add', 'studio', '--program', 'news', '--data', data, '--json');
    const { secret } = JSON.parse(added.stdout) as { secret: string };
    secrets.text('encryptor secret', secret);
    secrets.bytes('encryptor secret, its bytes', Buffer.from(secret, 'base64url'));
    const secretFile = scratch.file('encryptor.secret');
    writeFileSync(secretFile, secret);
    for (const name of ['authority', 'encryptor-studio', 'edge-e1'])
      secrets.text(`seed of ${name}`, readFileSync(`${scratch.file('nats')}/${name}.seed`, 'utf8').trim());

    const http = { port: httpPort };
    const authority = new Talker(scratch, 'authority', { http, keys: KEYS, nats: nats.configFor(['authority']) }, '--data', data);
    const httpUrl = await authority.url('viewers');
    const reached = { url: httpUrl.replace('http', 'ws'), encryptor: 'studio', secretFile };
    const parts = { http: { port: 0 }, rtmp: { port: 0 }, broadcast: { graceMs: 0 } };
    const encryptor = new Talker(scratch, 'encryptor', { ...parts, authority: reached, nats: nats.configFor(['encryptor']) });
    const rtmpUrl = await encryptor.url('broadcasters');
    const edge = new Talker(scratch, 'edge', { http: { port: 0 }, edge: 'e1', nats: nats.configFor(['edge'], 'e1') });
    await edge.url('viewers');
    await until(() => encryptor.said.includes('connected to the authority'), 'the encryptor has its authority');
    await live(new Operated(data, httpUrl, rtmpUrl), streamKey, secrets);

    // Another encryptor by that name, whose secret is wrong; and the true one's is revoked.
    writeFileSync(secretFile, `${secret.slice(0, -4)}AAAA`);
    const impostor = new Talker(scratch, 'encryptor', { ...parts, authority: reached, nats: nats.configFor(['encryptor']) });
    await until(() => authority.said.includes('credential-invalid'), 'refused');
    await tollcast('credentials', 'encryptor', 'revoke', 'studio', '--data', data);
    await until(() => authority.said.includes('revoked'), 'revoked');
    const all = [impostor, encryptor, edge, authority];
    for (const each of all) await each.stop();
    for (const each of all) expect(secrets.shownBy(each.said)).toEqual([]);
  },
  90_000,
);
