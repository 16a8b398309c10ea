import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateKeyPair, SignJWT } from 'jose';
import { PACE } from '../../src/control/admission-pace.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import type { TokenIssuer } from '../../src/tokens/token-issuer.ts';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
import { ViewerHost, type ViewerHostOptions } from './viewer-host.ts';

/** A process that is so busy that it lets in one, and then nobody until the load falls. */
class Load {
  readonly rules = { ...PACE, mostUnderWay: 1, firstPerSecond: 0.001, leastPerSecond: 0.001, mostPerSecond: 0.001 };

  fallsTo(perSecond: number): void {
    Object.assign(this.rules, { firstPerSecond: perSecond, mostPerSecond: perSecond });
  }
}

let load: Load;
let host: ViewerHost;

beforeEach(() => {
  load = new Load();
});

afterEach(() => host.stop());

/** With somebody who watches already, and answers each key. */
async function busy(options: Omit<ViewerHostOptions, 'rules'> = {}): Promise<RawViewer> {
  host = await ViewerHost.start({ ...options, rules: load.rules });
  return established();
}

async function established(): Promise<RawViewer> {
  const viewer = await host.asks('established');
  await until(() => viewer.last('confirmed'), 'established');
  return viewer;
}

/** Ask one after another, so that it is known who came first. */
async function inOrder(count: number): Promise<RawViewer[]> {
  const viewers: RawViewer[] = [];
  for (let at = 0; at < count; at++) {
    viewers.push(await host.asks(`viewer ${at}`));
    await until(() => host.queue.waiting === at + 1, 'in the queue');
  }
  return viewers;
}

const waits = ({ messages }: RawViewer) =>
  messages.filter((message): message is Extract<ServerMessage, { type: 'waiting' }> => message.type === 'waiting');
const confirmed = ({ messages }: RawViewer) => messages.flatMap((message) => (message.type === 'confirmed' ? message.epoch : []));
const refusals = (viewers: readonly RawViewer[]) =>
  viewers.flatMap(({ messages }) => messages.filter(({ type }) => type === 'error' || type === 'ended'));
/** Who was let in, in that order. */
const consents = () => host.entries.flatMap((entry) => (entry.kind === 'consent' ? entry.viewer : []));

/** A site that signs tokens, whose keys are asked for and come when the test says so. */
async function site() {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const published = Promise.withResolvers<typeof publicKey>();
  let asked = 0;
  const keys = () => {
    asked++;
    return published.promise;
  };
  const issuer: TokenIssuer = { issuer: 'shop', audience: 'tollcast', algorithms: ['ES256'], keys };
  const sign = (sub: string) =>
    new SignJWT({ program: 'news' })
      .setProtectedHeader({ alg: 'ES256', typ: 'viewer+jwt' })
      .setIssuer('shop')
      .setAudience('tollcast')
      .setSubject(sub)
      .setJti(sub)
      .setExpirationTime('1m')
      .sign(privateKey);
  return { issuer, sign, asked: () => asked, answers: () => published.resolve(publicKey) };
}

describe('a crowd that comes at once', () => {
  test('waits in the order of its coming, and is told how it gets on; who watches already loses no key', async () => {
    const old = await busy();
    const crowd = await inOrder(16);
    load.fallsTo(5);
    await until(() => crowd.every((viewer) => viewer.last('confirmed')), 'all watch');
    expect(consents()).toEqual(['established', ...crowd.map((_, at) => `viewer ${at}`)]);
    for (const [at, viewer] of crowd.entries()) {
      const aheads = waits(viewer).map(({ ahead }) => ahead);
      expect(aheads[0]).toBe(at);
      expect(aheads).toEqual([...aheads].sort((a, b) => b - a));
    }
    expect(waits(crowd.at(-1) as RawViewer).at(-1)?.ahead).toBeLessThan(15);
    expect(refusals([old, ...crowd])).toEqual([]);
    const epochs = confirmed(old);
    expect(epochs.length).toBeGreaterThan(3);
    expect(epochs).toEqual(epochs.map((_, at) => (epochs[0] ?? 0) + at));
  }, 30_000);

  test('is none where one comes alone: it has its viewing at once', async () => {
    host = await ViewerHost.start({ rules: PACE });
    const viewer = await established();
    expect(viewer.messages.map(({ type }) => type).slice(0, 3)).toEqual(['hello', 'viewing', 'key']);
  });

  test('waits longer than a socket may be silent, and than its tokens are good', async () => {
    await busy();
    const ttlSeconds = 4;
    const viewer = await host.asks('viewer', ttlSeconds);
    const signedMs = Date.now();
    await until(() => host.queue.waiting === 1, 'in the queue');
    await until(() => Date.now() > signedMs + (ttlSeconds + 1) * 1_000, 'the token has expired');
    load.fallsTo(10);
    await until(() => viewer.last('confirmed'), 'watches');
    expect(refusals([viewer])).toEqual([]);
    const late = await host.asks('late', -1);
    expect(await until(() => late.last('error'), 'refused')).toMatchObject({ code: 'token-expired' });
  }, 30_000);

  test('is left by who gives up, by whatever way, and nothing comes of those', async () => {
    await busy();
    const crowd = await inOrder(5);
    const [, stops, closes, dies, last] = crowd as [RawViewer, RawViewer, RawViewer, RawViewer, RawViewer];
    stops.say({ type: 'stop' });
    closes.close();
    dies.control.terminate();
    expect(await until(() => stops.closeCode, 'let go')).toBe(1000);
    await until(() => host.queue.waiting === 2, 'they have left');
    load.fallsTo(10);
    await until(() => last.last('confirmed'), 'the last one watches');
    expect(consents()).toEqual(['established', 'viewer 0', 'viewer 4']);
  });

  test('may say nothing but that it gives up', async () => {
    await busy();
    const [viewer] = (await inOrder(1)) as [RawViewer];
    viewer.say({ type: 'ticket' });
    expect(await until(() => viewer.last('error'), 'refused')).toMatchObject({ code: 'bad-state', fatal: true });
    expect(host.queue.waiting).toBe(0);
  });

  test('is gone past by who lost its socket', async () => {
    const old = await busy();
    const crowd = await inOrder(5);
    old.control.terminate();
    await old.resume();
    await until(() => old.last('viewing')?.resumed, 'resumed');
    expect(consents()).toEqual(['established']);
    expect(refusals([old, ...crowd])).toEqual([]);
  });

  test('is refused where there is no place to wait any more, and told when to come again', async () => {
    await busy({ maxWaiting: 3 });
    await inOrder(3);
    const late = await host.asks('late');
    const error = await until(() => late.last('error'), 'refused');
    expect(error).toMatchObject({ code: 'try-later', fatal: true, message: expect.stringMatching(/again in \d+ s$/) });
    expect(error.retryInMs).toBeGreaterThanOrEqual(1_000);
    expect(await until(() => late.closeCode, 'closed')).toBe(4429);
    expect([host.queue.refused, host.totals.refused.totals.get('try-later')]).toEqual([1, 1]);
  });

  test('is refused where what those before it sent is as much as may be kept', async () => {
    await busy({ maxWaiting: 4 });
    const long = async (at: number) => host.asksWith(await host.token(`viewer ${at} ${'x'.repeat(4_500)}`));
    for (let at = 0; at < 2; at++) {
      await long(at);
      await until(() => host.queue.waiting === at + 1, 'in the queue');
    }
    const late = await long(2);
    const error = await until(() => late.last('error'), 'refused');
    expect(error).toMatchObject({ code: 'try-later', fatal: true, message: expect.stringContaining('no memory left') });
    // One of an ordinary length finds its place still.
    await host.asks('viewer');
    await until(() => host.queue.waiting === 3, 'in the queue');
  });

  test('may come from one address: who has asked to watch is nobody unknown any more', async () => {
    await busy({ maxUnauthenticated: 5 });
    const crowd = await inOrder(20);
    expect(refusals(crowd)).toEqual([]);
  });

  test('does not wait for an issuer that others have their tokens from, however many these are and however long it is silent', async () => {
    const shop = await site();
    host = await ViewerHost.start({ rules: PACE, issuers: [shop.issuer] });
    const waiting = await Promise.all(
      Array.from({ length: 80 }, async (_, at) => host.asksWith(await shop.sign(`customer ${at}`))),
    );
    await until(() => shop.asked() > 0, 'the issuer is asked');
    const fromMs = performance.now();
    const own = await host.asks('own');
    await until(() => own.last('viewing'), 'let in');
    expect(performance.now() - fromMs).toBeLessThan(2_000);
    await until(() => shop.asked() === waiting.length, 'all ask the issuer');
    expect(refusals([...waiting, own])).toEqual([]);
    const [stops, goesOn] = waiting as [RawViewer, RawViewer];
    stops.say({ type: 'stop' });
    goesOn.say({ type: 'ticket' });
    expect(await until(() => stops.closeCode, 'let go')).toBe(1000);
    expect(await until(() => goesOn.closeCode, 'refused')).toBe(4400);
    shop.answers();
    await until(() => waiting.slice(2).every((viewer) => viewer.last('viewing')), 'all watch');
    expect(new Set(consents())).toEqual(new Set(['own', ...waiting.slice(2).map((_, at) => `shop|customer ${at + 2}`)]));
  });

  test('is told when the server shuts down', async () => {
    await busy();
    const [viewer] = (await inOrder(1)) as [RawViewer];
    host.queue.close();
    expect(await until(() => viewer.last('error'), 'told')).toMatchObject({ code: 'unavailable', fatal: true });
  });
});
