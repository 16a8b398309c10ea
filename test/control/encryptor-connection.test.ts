import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { ENCRYPTOR_LIMITS } from '../../src/control/encryptor-route.ts';
import { type DeviceKeys, generateDeviceKeys } from '../../src/keys/device.ts';
import { decryptEncryptorKey, decryptEncryptorSession } from '../../src/keys/encryptor-key.ts';
import { signOpening } from '../../src/keys/encryptor-opening.ts';
import { signEncryptorReceipt } from '../../src/keys/encryptor-receipt.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { proveSecret } from '../../src/keys/secret-proof.ts';
import {
  AuthorityMessage,
  ENCRYPTOR_PATH,
  ENCRYPTOR_SUBPROTOCOL,
  MAX_AGE_MS,
  MAX_ENCRYPTOR_MESSAGE_BYTES,
} from '../../src/protocol/encryptor-messages.ts';
import { CONTROL_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { AuthorityHost } from '../encryptor/authority-host.ts';
import { until } from '../encryptor/studio.ts';
import { frame, HostileSocket, Opcode, upgradeTo } from '../hostile/hostile-socket.ts';

let host: AuthorityHost;
let secret: string;
let device: DeviceKeys;

beforeEach(async () => {
  ({ host } = await AuthorityHost.start('news'));
  secret = host.credential('studio', 'news');
  device = await generateDeviceKeys();
});
afterEach(() => host.stop());

/** A client at the protocol's level, for what the real one would never do. */
class RawEncryptor {
  readonly messages: AuthorityMessage[] = [];
  readonly socket: WebSocket;
  closeCode: number | undefined;

  constructor(subprotocol: string = ENCRYPTOR_SUBPROTOCOL) {
    this.socket = new WebSocket(`${host.url}${ENCRYPTOR_PATH}`, subprotocol);
    this.socket.on('message', (data) => this.messages.push(JSON.parse(String(data))));
    this.socket.on('close', (code) => {
      this.closeCode = code;
    });
    this.socket.on('error', () => undefined);
  }

  last<T extends AuthorityMessage['type']>(type: T): Extract<AuthorityMessage, { type: T }> | undefined {
    return this.messages.findLast((message): message is Extract<AuthorityMessage, { type: T }> => message.type === type);
  }

  async next<T extends AuthorityMessage['type']>(type: T): Promise<Extract<AuthorityMessage, { type: T }>> {
    await until(() => this.last(type) !== undefined, type);
    const message = this.last(type);
    if (message === undefined) throw new Error(type);
    return message;
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  async open(by = { encryptor: 'studio', secret, device }): Promise<Uint8Array> {
    const { challenge } = await this.next('hello');
    const jws = await signOpening({ encryptor: by.encryptor, challenge }, by.device);
    this.say({ type: 'open', encryptor: by.encryptor, proof: proveSecret(by.secret, jws), jws });
    const { sessionKey } = await this.next('opened');
    return decryptEncryptorSession(sessionKey, by.encryptor, by.device.agree.privateKey);
  }

  begin(broadcast = 'b1', more: object = {}): void {
    this.say({ type: 'begin', program: 'news', broadcast, timelineMs: 0, away: false, heard: 0, reports: [], ...more });
  }

  /** What it was refused with. */
  async refused(): Promise<readonly [code: string | undefined, closeCode: number | undefined]> {
    await until(() => this.closeCode !== undefined, 'the socket is closed');
    return [this.last('error')?.code, this.closeCode];
  }
}

const REPORT = { program: 'news', broadcast: 'b1', agoMs: 0 };

describe("an encryptor's socket", () => {
  test.each([
    ['no JSON', 'hello'],
    ['a message of a viewer', JSON.stringify({ type: 'stop' })],
    ['a field too many', JSON.stringify({ type: 'away', ...REPORT, seq: 1, more: 1 })],
    ['a name that has a length, and is none', '{"type":"verify","program":{"length":{"toString":null}}}'],
    ['a time in place of an age', JSON.stringify({ type: 'away', ...REPORT, seq: 1, agoMs: -1 })],
  ])('is closed on %s', async (_what, text) => {
    const raw = new RawEncryptor();
    await raw.next('hello');
    raw.socket.send(text);
    expect(await raw.refused()).toEqual(['bad-message', 4400]);
  });

  test('is closed on anything before it is open, on bytes, and on what is too long', async () => {
    const [early, bytes, long] = [new RawEncryptor(), new RawEncryptor(), new RawEncryptor()];
    await Promise.all([early, bytes, long].map((each) => each.next('hello')));
    early.begin();
    bytes.socket.send(Buffer.from('{}'));
    long.socket.send('x'.repeat(MAX_ENCRYPTOR_MESSAGE_BYTES + 1));
    expect(await early.refused()).toEqual(['bad-state', 4400]);
    expect(await bytes.refused()).toEqual(['bad-message', 4400]);
    expect((await long.refused())[1]).toBe(1009);
    expect(host.of('broadcast-started')).toEqual([]);
  });

  test('is not opened by a proof or statement of another socket, or for another name', async () => {
    const other = host.credential('other', 'news');
    const [recorded, replayed, renamed] = [new RawEncryptor(), new RawEncryptor(), new RawEncryptor()];
    const { challenge } = await recorded.next('hello');
    const jws = await signOpening({ encryptor: 'studio', challenge }, device);
    const opening = { type: 'open', encryptor: 'studio', proof: proveSecret(secret, jws), jws };
    await replayed.next('hello');
    replayed.say(opening);
    expect(await replayed.refused()).toEqual(['opening-invalid', 4401]);
    const own = await signOpening({ encryptor: 'studio', challenge: (await renamed.next('hello')).challenge }, device);
    renamed.say({ type: 'open', encryptor: 'other', proof: proveSecret(other, own), jws: own });
    expect(await renamed.refused()).toEqual(['opening-invalid', 4401]);
    const changed = await signOpening({ encryptor: 'studio', challenge }, await generateDeviceKeys());
    recorded.say({ ...opening, jws: changed });
    expect(await recorded.refused()).toEqual(['credential-invalid', 4401]);
  });

  test('is opened once, and not flooded', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    const ask = (from: number, to: number) => {
      for (let id = from; id < to; id++) raw.say({ type: 'verify', id, program: 'news', streamKeyHash: '0'.repeat(64) });
    };
    ask(1, 600);
    expect(await raw.refused()).toEqual(['try-later', 4429]);
    const twice = new RawEncryptor();
    await twice.open();
    twice.say({ type: 'open', encryptor: 'studio', proof: 'x'.repeat(43), jws: '' });
    expect(await twice.refused()).toEqual(['bad-state', 4400]);
  });

  test('that was refused, and goes on without closing, is cut off after as many messages as it might send at once', async () => {
    const raw = await HostileSocket.open(host.url, '127.0.0.1', upgradeTo(ENCRYPTOR_PATH, ENCRYPTOR_SUBPROTOCOL));
    await until(() => raw.received.includes('hello'), 'hello');
    // Nor is it away.
    raw.drip([frame(Opcode.pong, true, '')], 100);
    const { burstMessages } = ENCRYPTOR_LIMITS;
    const flood = (messages: number) => raw.write(Buffer.concat(Array(messages).fill(frame(Opcode.text, true, '{}'))));
    // The first is what it is refused for.
    flood(1 + burstMessages);
    const honest = new RawEncryptor();
    await honest.open();
    await until(() => raw.received.includes('bad-message'), 'it is told why');
    expect(raw.isOpen).toBe(true);
    expect(raw.received.split('"type":"error"')).toHaveLength(2);
    flood(1);
    // Sooner than one that only does not close.
    await until(() => !raw.isOpen, 'it is cut off', 5_000);
  });

  test("needs its own subprotocol: a viewer's is refused before the handshake", async () => {
    const raw = new RawEncryptor(CONTROL_SUBPROTOCOL);
    await once(raw.socket, 'error');
    expect(raw.messages).toEqual([]);
  });

  test('gets no key for what its credential does not name', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    raw.begin('b1', { program: 'sport' });
    expect(await raw.next('end')).toMatchObject({ program: 'sport', reason: 'program-not-allowed' });
  });

  test('an epoch that was not confirmed does not begin; a wrong receipt closes the socket, and the key is repeated', async () => {
    const raw = new RawEncryptor();
    const sessionKey = await raw.open();
    raw.begin();
    const refused = await raw.next('key');
    raw.say({ type: 'began', ...REPORT, seq: 1, epoch: refused.epoch });
    // It would be the only beginning that ever comes: so there is another epoch to begin.
    await until(() => raw.last('key')?.epoch === refused.epoch + 1, 'another key');
    const { epoch, jwe } = await raw.next('key');
    const held = { encryptor: 'studio', program: 'news', epoch };
    const wrong = await signEncryptorReceipt(held, await proofKey(new Uint8Array(32)), device.sign.privateKey);
    raw.say({ type: 'receipt', ...REPORT, seq: 2, jws: wrong });
    expect(await raw.refused()).toEqual(['receipt-invalid', 4400]);
    expect(host.of('epoch-begun')).toEqual([]);

    const again = new RawEncryptor();
    const newSession = await again.open();
    again.begin('b1', { as: 'b1', heard: 2 });
    await until(() => again.last('key')?.epoch === epoch, 'the key is repeated');
    const repeated = await again.next('key');
    const contentKey = await decryptEncryptorKey(repeated.jwe, held, newSession);
    expect(await decryptEncryptorKey(jwe, held, sessionKey)).toEqual(contentKey);
    const jws = await signEncryptorReceipt(held, await proofKey(contentKey), device.sign.privateKey);
    again.say({ type: 'receipt', ...REPORT, seq: 3, jws });
    again.say({ type: 'began', ...REPORT, seq: 4, agoMs: 1e9, epoch });
    await until(() => host.of('epoch-begun').length === 1, 'it began');
    expect(host.of('encryptor-confirmed')).toMatchObject([{ epoch, receipt: jws }]);
    // However long ago it claims that was, it is not before the key was given.
    const reserved =
      host.entries.find(({ entry }) => entry.kind === 'epoch-reserved' && entry.epoch === epoch)?.monoMs ?? Number.NaN;
    expect(host.of('epoch-begun')[0]?.atMs).toBeGreaterThanOrEqual(reserved);
  });

  test('a key that was confirmed and has not begun comes again on the next socket: its times may be others by now', async () => {
    const raw = new RawEncryptor();
    const sessionKey = await raw.open();
    raw.begin();
    const { epoch, jwe } = await raw.next('key');
    const held = { encryptor: 'studio', program: 'news', epoch };
    const contentKey = await decryptEncryptorKey(jwe, held, sessionKey);
    const jws = await signEncryptorReceipt(held, await proofKey(contentKey), device.sign.privateKey);
    raw.say({ type: 'receipt', ...REPORT, seq: 1, jws });
    await until(() => host.of('encryptor-confirmed').length === 1, 'it is confirmed');
    const again = new RawEncryptor();
    const newSession = await again.open();
    again.begin('b1', { as: 'b1', heard: 1 });
    const repeated = await again.next('key');
    expect(await decryptEncryptorKey(repeated.jwe, held, newSession)).toEqual(contentKey);
    again.say({ type: 'began', ...REPORT, seq: 2, epoch });
    await until(() => host.of('epoch-begun').length === 1, 'it begins with the receipt from before');
  });

  test('another process with the same credential is never given a key that was given before, not even one unconfirmed', async () => {
    const first = new RawEncryptor();
    const firstSession = await first.open();
    first.begin('b1');
    const key = await first.next('key');
    const second = new RawEncryptor();
    const another = await generateDeviceKeys();
    const secondSession = await second.open({ encryptor: 'studio', secret, device: another });
    second.begin('b1');
    const next = await second.next('key');
    expect(await first.next('end')).toMatchObject({ reason: 'fenced' });
    expect(next.epoch).toBeGreaterThan(key.epoch);
    const keyOf = (jwe: string, epoch: number, session: Uint8Array) =>
      decryptEncryptorKey(jwe, { encryptor: 'studio', program: 'news', epoch }, session);
    expect(await keyOf(next.jwe, next.epoch, secondSession)).not.toEqual(await keyOf(key.jwe, key.epoch, firstSession));
    // What the fenced one reports changes nothing.
    first.say({ type: 'ended', ...REPORT, seq: 1, reason: 'broadcast-ended' });
    first.say({ type: 'verify', id: 1, program: 'news', streamKeyHash: '0'.repeat(64) });
    await first.next('verified');
    expect(host.authority.broadcasts.has('news')).toBe(true);
  });

  test('a program changes hands once a second at most, whatever is begun', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    for (let at = 0; at < 200; at++) raw.begin(`b${at}`);
    expect(await raw.refused()).toEqual(['try-later', 4429]);
    const again = new RawEncryptor();
    await again.open();
    again.begin('later');
    expect(await again.refused()).toEqual(['try-later', 4429]);
    expect(host.of('epoch-reserved').length).toBeLessThanOrEqual(2);
  });

  test('is told what the ledger calls its broadcast once that is in there, not before', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    host.isDiskStuck = true;
    raw.begin();
    await until(() => host.authority.broadcasts.has('news'), 'it began');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(raw.messages.map(({ type }) => type)).toEqual(['hello', 'opened']);
    host.isDiskStuck = false;
    await host.restart();
    const again = new RawEncryptor();
    await again.open();
    again.begin();
    expect(await again.next('begun')).toMatchObject({ as: 'b1' });
  });

  test('a timeline of years is no answer that nobody could take', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    raw.begin('b1', { timelineMs: MAX_AGE_MS });
    await raw.next('begun');
    raw.say({ type: 'verify', id: 1, program: 'news', streamKeyHash: '0'.repeat(64) });
    expect(AuthorityMessage.parse(await raw.next('verified'))).toMatchObject({ timelineMs: MAX_AGE_MS });
  });

  test('a process that runs out of keys again and again is given one epoch a second', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    raw.begin();
    await raw.next('key');
    for (let seq = 1; seq <= 30; seq++) raw.say({ type: 'began', ...REPORT, seq, epoch: 100 + seq });
    await until(() => raw.last('heard')?.seq === 30, 'all were heard');
    expect(host.of('epoch-reserved').length).toBeLessThanOrEqual(2);
    await until(() => raw.last('key')?.epoch === 3, 'another comes later');
  });

  test('reports are taken once, in order', async () => {
    const raw = new RawEncryptor();
    await raw.open();
    raw.begin();
    await raw.next('begun');
    raw.say({ type: 'away', ...REPORT, seq: 1 });
    raw.say({ type: 'away', ...REPORT, seq: 1 });
    await until(() => raw.last('heard')?.seq === 1, 'it was heard');
    raw.say({ type: 'back', ...REPORT, seq: 3 });
    expect(await raw.refused()).toEqual(['bad-state', 4400]);
    await until(() => host.of('media-paused').length > 0, 'the ledger has it');
    expect(host.of('media-paused')).toHaveLength(1);
  });
});
