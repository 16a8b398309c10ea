import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';
import { RawViewer } from '../e2e/raw-viewer.ts';
import { AuthorityHost, RULES, TOKEN_SECRET } from './authority-host.ts';
import { Cable } from './cable.ts';
import { logged, Studio, type StudioBroadcast, skewedClock, until } from './studio.ts';

const HOURS_MS = 3_600_000;

let host: AuthorityHost;
let streamKeys: Map<string, string>;
let secret: string;
const studios: Studio[] = [];
const broadcasts: StudioBroadcast[] = [];

beforeEach(async () => {
  ({ host, streamKeys } = await AuthorityHost.start('news', 'sport'));
  secret = host.credential('studio', 'news');
});

afterEach(async () => {
  for (const broadcast of broadcasts.splice(0)) broadcast.stop();
  for (const studio of studios.splice(0)) await studio.keys.close();
  await host.stop();
  expect(verifyLedger(host.file)).toMatchObject({ ok: true });
  expect(logged.join()).not.toContain(secret);
});

async function studio(name = 'studio', by = secret, options: Parameters<typeof Studio.open>[3] = {}): Promise<Studio> {
  const opened = await Studio.open(host.url, name, by, options);
  studios.push(opened);
  return opened;
}

function broadcast(at: Studio, id: string, program = 'news'): StudioBroadcast {
  const begun = at.broadcast(program, id);
  broadcasts.push(begun);
  return begun;
}

const began = (of: StudioBroadcast, epoch: number) => until(() => of.newest >= epoch, `epoch ${epoch} began`);
const recorded = (epoch: number) =>
  until(() => host.of('epoch-begun').some((entry) => entry.epoch >= epoch), `the ledger has the beginning of epoch ${epoch}`);
const inCommon = (a: StudioBroadcast, b: StudioBroadcast) =>
  [...a.offered.values()].filter((key) => [...b.offered.values()].includes(key));

describe('an encryptor elsewhere', () => {
  test('gets each epoch’s key ahead of time and confirms it; a clock that is hours off changes nothing that is billed', async () => {
    const at = await studio('studio', secret, { clock: skewedClock(7 * HOURS_MS) });
    const news = broadcast(at, 'b1');
    await began(news, 4);
    await recorded(4);
    const order = host.entries.flatMap(({ entry }) =>
      entry.kind === 'epoch-reserved' || entry.kind === 'encryptor-confirmed' || entry.kind === 'epoch-begun'
        ? [`${entry.kind} ${entry.epoch}`]
        : [],
    );
    for (const epoch of [1, 2, 3, 4]) {
      const of = order.filter((each) => each.endsWith(` ${epoch}`)).map((each) => each.split(' ')[0]);
      expect(of).toEqual(['epoch-reserved', 'encryptor-confirmed', 'epoch-begun']);
    }
    expect(host.of('encryptor-confirmed')[0]).toMatchObject({ program: 'news', broadcast: 'b1', encryptor: 'studio' });
    expect(new Set(news.offered.values()).size).toBe(news.offered.size);
    for (const { entry, monoMs } of host.entries) {
      if (entry.kind !== 'epoch-begun') continue;
      expect(monoMs - entry.atMs).toBeGreaterThanOrEqual(0);
      expect(monoMs - entry.atMs).toBeLessThan(RULES.periodMs);
    }
  });

  test('that loses its connection begins the epoch that it has the key of, and says when that was once it is back', async () => {
    const at = await studio('studio', secret, { clock: skewedClock(-HOURS_MS / 1_000) });
    const news = broadcast(at, 'b1');
    await recorded(1);
    await until(() => news.offered.has(2), 'the next key was offered');
    await host.cut();
    await began(news, 2);
    const begunMs = host.clock.nowMs();
    await until(() => host.clock.nowMs() > begunMs + 100, 'time has passed');
    await host.restore();
    await recorded(4);
    const second = host.of('epoch-begun').find(({ epoch }) => epoch === 2);
    expect(Math.abs((second?.atMs ?? 0) - begunMs)).toBeLessThan(60);
    expect(host.of('epoch-begun').map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(host.of('broadcast-started')).toHaveLength(1);
    expect(host.of('broadcast-ended')).toEqual([]);
  });

  test('that ran out of keys meanwhile begins anew, under a number that was never handed out', async () => {
    const news = broadcast(await studio(), 'b1');
    await recorded(1);
    await host.cut();
    await until(() => host.of('media-paused').length > 0, 'it can be sending no longer');
    const before = Math.max(...news.offered.keys());
    await host.restore();
    await until(() => news.newest > before, 'a new epoch began');
    await recorded(before + 1);
    expect(host.of('media-resumed')).toHaveLength(1);
    expect(host.of('broadcast-started')).toHaveLength(1);
    expect(host.of('broadcast-ended')).toEqual([]);
  });

  test('that does not come back in time: its broadcast is ended; when it does, the next one is charged with it', async () => {
    broadcast(await studio(), 'b1');
    await recorded(1);
    await host.cut();
    await until(() => host.of('broadcast-ended').length > 0, 'the broadcast was ended');
    expect(host.of('broadcast-ended')[0]).toMatchObject({ broadcast: 'b1', reason: 'broadcast-ended' });
    await host.restore();
    await until(() => host.of('broadcast-started').length === 2, 'it goes on');
    expect(host.of('broadcast-started')[1]).toMatchObject({ continues: 'b1' });
  });

  test('goes on with an authority that was restarted: a broadcast that continues the one before, and new numbers', async () => {
    const news = broadcast(await studio(), 'b1');
    await began(news, 2);
    await host.restart();
    const last = Math.max(...host.of('epoch-reserved').map(({ epoch }) => epoch));
    await recorded(last + 1);
    const [first, second] = host.of('broadcast-started');
    expect([first?.broadcast, first?.continues]).toEqual(['b1', undefined]);
    expect(second?.continues).toBe('b1');
    expect(second?.broadcast).not.toBe('b1');
    const reserved = host.of('epoch-reserved').map(({ epoch }) => epoch);
    expect(new Set(reserved).size).toBe(reserved.length);
    // And after another restart it is still the same charge.
    await host.restart();
    await until(() => host.of('broadcast-started').length === 3, 'it goes on again');
    expect(host.of('broadcast-started')[2]?.continues).toBe(second?.broadcast);
  });

  test('whose broadcaster is away says so to an authority that was restarted', async () => {
    const news = broadcast(await studio(), 'b1');
    await recorded(1);
    news.reports.away();
    await until(() => host.of('media-paused').length === 1, 'the broadcaster is away');
    await host.restart();
    await until(() => host.of('media-paused').length === 2, 'it still is');
    news.reports.back();
    await until(() => host.of('media-resumed').length === 1, 'it is back');
    await recorded(news.newest + 1);
  });

  test('ends its broadcast', async () => {
    const news = broadcast(await studio(), 'b1');
    await recorded(1);
    news.reports.ended('broadcast-ended');
    await until(() => host.of('broadcast-ended').length === 1, 'it was ended');
    expect(host.authority.broadcasts.size).toBe(0);
  });

  test('is told when its program is removed, also if it was away then', async () => {
    const other = host.credential('other', 'sport');
    const news = broadcast(await studio(), 'b1');
    const sport = broadcast(await studio('other', other), 'b2', 'sport');
    await until(() => news.newest > 0 && sport.newest > 0, 'both are live');
    host.removeProgram('news');
    await until(() => news.ended !== undefined, 'it was told');
    expect(news.ended).toBe('program-removed');
    await host.cut();
    host.removeProgram('sport');
    await until(() => host.of('broadcast-ended').length === 2, 'both are over');
    await host.restore();
    await until(() => sport.ended !== undefined, 'it was told');
    expect(sport.ended).toBe('program-removed');
  });
});

describe('one key, one encryptor process:', () => {
  test('a second process gets a new epoch and key in the same broadcast, and fences the first', async () => {
    const first = broadcast(await studio(), 'b1');
    await until(() => first.offered.has(2), 'the first has a key ahead');
    const before = Math.max(...first.offered.keys());
    const second = broadcast(await studio(), 'b2');
    await until(() => first.ended !== undefined, 'the first was fenced');
    expect(first.ended).toBe('fenced');
    await began(second, before + 2);
    await recorded(before + 2);
    expect(inCommon(first, second)).toEqual([]);
    expect(Math.min(...second.offered.keys())).toBeGreaterThan(Math.max(...first.offered.keys()));
    expect(host.of('broadcast-started')).toHaveLength(1);
    expect(host.of('broadcast-ended')).toEqual([]);
    expect(host.authority.broadcasts.get('news')?.id).toBe('b1');
  });

  test('one that was killed is replaced, and the broadcast goes on', async () => {
    const killed = await studio();
    const first = broadcast(killed, 'b1');
    await recorded(1);
    first.stop();
    await killed.keys.close();
    const again = await studio();
    const second = broadcast(again, 'b2');
    await began(second, 2);
    await recorded(second.newest);
    expect(inCommon(first, second)).toEqual([]);
    expect(host.of('broadcast-started')).toHaveLength(1);
    expect(host.of('broadcast-ended')).toEqual([]);
  });

  test('one that is stopped in peace leaves its broadcast to the next', async () => {
    const stopped = await studio();
    const first = broadcast(stopped, 'b1');
    await recorded(1);
    first.reports.ended('shutdown');
    await stopped.keys.close();
    await until(() => host.of('media-paused').length === 1, 'viewers know');
    const second = broadcast(await studio(), 'b2');
    await until(() => second.newest > 0, 'the second is live');
    expect(inCommon(first, second)).toEqual([]);
    expect(host.of('media-resumed')).toHaveLength(1);
    expect(host.of('broadcast-ended')).toEqual([]);
  });

  test('one that was replaced while it was cut off is fenced when it returns, and takes over from nobody', async () => {
    const cable = await Cable.to(host.url);
    try {
      const lost = await Studio.open(cable.url, 'studio', secret);
      studios.push(lost);
      const first = broadcast(lost, 'b1');
      await recorded(1);
      cable.cut();
      const second = broadcast(await studio(), 'b2');
      await until(() => second.newest > 0, 'the second is live');
      const epochs = second.newest;
      cable.mend();
      await until(() => first.ended !== undefined, 'the first was fenced');
      expect(first.ended).toBe('fenced');
      await began(second, epochs + 2);
      expect(second.ended).toBeUndefined();
      expect(inCommon(first, second)).toEqual([]);
    } finally {
      cable.close();
    }
  });

  test('one process may have several programs, and loses only what another takes', async () => {
    const both = await studio('both', host.credential('both', 'news', 'sport'));
    const news = broadcast(both, 'b1');
    const sport = broadcast(both, 'b2', 'sport');
    await until(() => news.newest > 0 && sport.newest > 0, 'both are live');
    broadcast(await studio(), 'b3');
    await until(() => news.ended === 'fenced', 'one was fenced');
    await began(sport, sport.newest + 2);
    expect(sport.ended).toBeUndefined();
  });

  test('the timeline of the next begins after where that of the one before can have come to', async () => {
    const first = await studio();
    expect(await first.keys.verify('news', streamKeys.get('news') ?? '')).toBeUndefined();
    expect(first.keys.timelineStartMs('news')).toBe(0);
    broadcast(first, 'b1');
    const beganMs = host.clock.nowMs();
    await recorded(2);
    const second = await studio('studio', secret, { clock: skewedClock(HOURS_MS) });
    expect(await second.keys.verify('news', streamKeys.get('news') ?? '')).toBeUndefined();
    const agoMs = host.clock.nowMs() - beganMs;
    expect(second.keys.timelineStartMs('news')).toBeGreaterThan(agoMs);
    expect(second.keys.timelineStartMs('news')).toBeLessThan(agoMs + 1_200);
    broadcast(second, 'b2');
    // Also after the authority forgot when the first began.
    await until(() => host.of('epoch-begun').length > 3, 'the second is live');
    await host.restart();
    await until(() => host.of('broadcast-started').length === 2, 'it goes on');
    const third = await studio();
    expect(await third.keys.verify('news', streamKeys.get('news') ?? '')).toBeUndefined();
    expect(third.keys.timelineStartMs('news')).toBeGreaterThan(host.clock.nowMs() - beganMs + 1_000);
  });
});

describe('a viewing', () => {
  let viewer: RawViewer;

  const watch = async (): Promise<void> => {
    viewer = new RawViewer(host.url);
    const token = await signViewerToken({ viewer: 'alice', programs: ['news'], ttlSeconds: 60 }, TOKEN_SECRET);
    await viewer.watch('news', token);
    await until(() => viewer.last('confirmed') !== undefined, 'the viewing has begun');
  };

  const hasKey = (epoch: number) => until(() => viewer.last('confirmed')?.epoch === epoch, `the viewer confirmed epoch ${epoch}`);

  afterEach(() => viewer.close());

  test('goes on when another process takes over, with the new epoch’s key', async () => {
    broadcast(await studio(), 'b1');
    await recorded(1);
    await watch();
    const second = broadcast(await studio(), 'b2');
    await until(() => second.newest > 0, 'the second is live');
    await hasKey(second.newest);
    expect(Buffer.from(viewer.keys.get(second.newest) ?? []).toString('hex')).toBe(second.offered.get(second.newest));
    expect(host.of('viewing-ended')).toEqual([]);
    expect(host.of('consent')).toHaveLength(1);
  });

  test('is told that no media comes once the encryptor can be sending no longer, and that it is back', async () => {
    const cable = await Cable.to(host.url);
    try {
      const lost = await Studio.open(cable.url, 'studio', secret);
      studios.push(lost);
      const news = broadcast(lost, 'b1');
      await recorded(1);
      await watch();
      cable.cut();
      await until(() => viewer.last('media')?.state === 'away', 'the viewer knows');
      cable.mend();
      await until(() => viewer.last('media')?.state === 'live', 'the viewer knows that it is back');
      await until(() => viewer.last('confirmed')?.epoch === news.newest, 'it has the new key');
      expect(host.of('viewing-ended')).toEqual([]);
    } finally {
      cable.close();
    }
  });
});

describe('a credential', () => {
  test('that is revoked is cut off at once, and its program goes on with another, under new numbers', async () => {
    const first = broadcast(await studio(), 'b1');
    await until(() => first.offered.has(2), 'it has a key ahead');
    host.revoke('studio');
    await until(() => first.ended !== undefined, 'it was cut off');
    await until(() => host.encryptors.connected === 0, 'its socket is closed');
    const had = [...first.offered.keys()];
    const second = broadcast(await studio('other', host.credential('other', 'news')), 'b2');
    await began(second, Math.max(...had) + 1);
    expect([...first.offered.keys()]).toEqual(had);
    expect(inCommon(first, second)).toEqual([]);
    expect(host.of('broadcast-started')).toHaveLength(1);
  });

  test('with another secret, of nobody, or for another program gets no key', async () => {
    const wrong = host.credential('other', 'sport');
    const at = [
      broadcast(await studio('studio', wrong), 'b1'),
      broadcast(await studio('nobody', secret), 'b2'),
      broadcast(await studio('other', wrong), 'b3'),
    ];
    await until(() => at[2]?.ended !== undefined, 'the other program is refused');
    await until(() => logged.filter((line) => line.includes('credential-invalid')).length > 3, 'both tried again');
    expect(at.map(({ offered }) => offered.size)).toEqual([0, 0, 0]);
    expect(host.of('broadcast-started')).toEqual([]);
  });
});

describe('a stream key', () => {
  test('is verified by the authority, and only for the credential’s programs', async () => {
    const { keys } = await studio();
    expect(await keys.verify('news', streamKeys.get('news') ?? '')).toBeUndefined();
    expect(await keys.verify('news', 'wrong')).toMatchObject({ code: 'stream-key-wrong' });
    expect(await keys.verify('sport', streamKeys.get('sport') ?? '')).toMatchObject({ code: 'program-not-allowed' });
  });

  test('that was accepted lets its broadcaster come back while the authority is away; any other waits, and is refused', async () => {
    const { keys } = await studio();
    const streamKey = streamKeys.get('news') ?? '';
    expect(await keys.verify('news', streamKey)).toBeUndefined();
    await host.cut();
    await until(() => !keys.isConnected, 'it knows');
    expect(await keys.verify('news', streamKey)).toBeUndefined();
    const fromMs = performance.now();
    expect(await keys.verify('news', 'another')).toMatchObject({ code: 'authority-unreachable' });
    expect(performance.now() - fromMs).toBeLessThan(4_000);
  });

  test('is not in any log', () => {
    for (const streamKey of streamKeys.values()) expect(logged.join()).not.toContain(streamKey);
  });
});
