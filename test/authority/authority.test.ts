import { describe, expect, test } from '@jest/globals';
import { AuthorityHarness, settled, type Viewer } from './authority-harness.ts';

const PERIOD_MS = 2_000;
const token = (viewer: string, cap?: string) => ({ viewer, id: `jti-${viewer}`, ...(cap === undefined ? {} : { cap }) });

/** Time passes in which a viewing is served; its edge reports at the end. */
async function passServed(authority: AuthorityHarness, viewer: Viewer, forMs: number): Promise<void> {
  const fromMs = authority.time.nowMs();
  await authority.pass(forMs);
  authority.served(viewer, fromMs, authority.time.nowMs());
  await settled();
}

/** Gives and confirms epoch after epoch, each at its planned time, until the viewing has ended. */
async function watchThrough(authority: AuthorityHarness, viewer: Viewer, epochs: number): Promise<void> {
  const live = authority.authority.broadcasts.get('news');
  for (let epoch = 2; epoch <= epochs && !viewer.session.isOver; epoch++) {
    await passServed(authority, viewer, PERIOD_MS - 300);
    if (viewer.session.state.keys.some((key) => key.epoch === epoch)) await viewer.confirm(epoch);
    await passServed(authority, viewer, 300);
    live?.began(epoch, authority.time.nowMs());
    await settled();
  }
}

describe('a spending cap of 9 s', () => {
  test('lets a viewing go on while it covers another epoch, and ends it with the last one that it does', async () => {
    const authority = new AuthorityHarness();
    await authority.live();
    const viewer = await authority.watch(token('alice', '0.09'));
    await viewer.confirm(1);
    await watchThrough(authority, viewer, 9);
    await settled();
    expect(viewer.ended).toBe('credit-exhausted');
    // The next one might have lasted for its period and grace, and the one before for its grace: 6.0 + 0.8 + 2.8 > 9.
    expect(authority.servedMs(viewer)).toBe(6_000);
  });

  test('is not exceeded where the ledger is slow and an epoch lasts three times as long as it may', async () => {
    const authority = new AuthorityHarness();
    await authority.live();
    const viewer = await authority.watch(token('alice', '0.09'));
    await viewer.confirm(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    authority.slow = { kind: 'epoch-reserved', until: promise };
    for (let seconds = 0; seconds < 8; seconds++) await passServed(authority, viewer, 1_000);
    expect(viewer.session.isOver).toBe(false);
    // The last report is late, and of more than there was to pay for.
    await passServed(authority, viewer, 5_000);
    resolve();
    await settled();
    expect(viewer.ended).toBe('credit-exhausted');
    expect(authority.servedMs(viewer)).toBe(9_000);
    expect(viewer.messages.at(-1)).toMatchObject({ usage: { amount: '0.09' } });
  });

  test('is one cap for all viewings of the token, each counted with the keys that it has', async () => {
    const authority = new AuthorityHarness({ maxViewingsPerViewer: 5 });
    await authority.live();
    const [first, second, third] = [
      await authority.watch(token('alice', '0.09')),
      await authority.watch(token('alice', '0.09')),
      await authority.watch(token('alice', '0.09')),
    ];
    for (const viewer of [first, second, third]) await viewer.confirm(1);
    // Three times 2.8 s may come of the first epoch alone.
    await expect(authority.watch(token('alice', '0.09'))).rejects.toMatchObject({ code: 'credit-exhausted' });
    await authority.pass(PERIOD_MS - 300);
    for (const viewer of [first, second, third])
      expect(viewer.session.state).toMatchObject({ exhausted: true, keys: [{ epoch: 1 }] });
  });

  test('counts the next epoch for a viewing that has its key, before it has begun', async () => {
    const authority = new AuthorityHarness({ maxViewingsPerViewer: 2 });
    await authority.live();
    const first = await authority.watch(token('alice', '0.09'));
    await first.confirm(1);
    await authority.pass(PERIOD_MS - 300);
    await first.confirm(2);
    // 2 × 2.8 s may come of the first one's two keys, and 2.8 s of another one's first.
    await expect(authority.watch(token('alice', '0.08'))).rejects.toMatchObject({ code: 'credit-exhausted' });
    await authority.watch(token('alice', '0.09'));
  });

  test('admits a viewing in place of an older one, of which only what it was served counts', async () => {
    const authority = new AuthorityHarness();
    await authority.live();
    const older = await authority.watch(token('alice', '0.0500'));
    await older.confirm(1);
    await passServed(authority, older, 1_000);
    const newer = await authority.watch(token('alice', '0.0500'));
    await settled();
    expect([older.ended, newer.session.isOver]).toEqual(['superseded', false]);
    await expect(authority.watch(token('alice', '0.0300'))).rejects.toMatchObject({ code: 'credit-exhausted' });
    expect(newer.session.isOver).toBe(false);
  });

  test('is not used up by the return of the broadcaster', async () => {
    const authority = new AuthorityHarness();
    const live = await authority.live();
    const viewer = await authority.watch(token('alice', '0.07'));
    await viewer.confirm(1);
    await passServed(authority, viewer, PERIOD_MS - 300);
    await viewer.confirm(2);
    live.away();
    authority.time.advance(60_000);
    live.back();
    await settled();
    live.began(2, authority.time.nowMs());
    expect(viewer.session.state).toMatchObject({ exhausted: false, confirmedEpoch: 2 });
  });
});

describe('a server that is full', () => {
  test('admits a viewer in place of its own older viewing, and nobody else', async () => {
    const authority = new AuthorityHarness({ maxViewings: 1 });
    await authority.live();
    const older = await authority.watch(token('alice'));
    await expect(authority.watch(token('bob'))).rejects.toMatchObject({ code: 'too-many-viewings' });
    expect(older.session.isOver).toBe(false);
    await authority.watch(token('alice'));
    await settled();
    expect(older.ended).toBe('superseded');
  });
});

describe('where the oldest viewing wins', () => {
  const oldest = { whenAtLimit: 'oldest-wins' } as const;

  test('the newest is refused until one has ended, and disturbs none', async () => {
    const authority = new AuthorityHarness({ ...oldest, maxViewingsPerViewer: 2 });
    await authority.live();
    const [first, second] = [await authority.watch(token('alice')), await authority.watch(token('alice'))];
    await expect(authority.watch(token('alice'))).rejects.toMatchObject({ code: 'viewing-limit' });
    await authority.watch(token('bob'));
    expect([first.session.isOver, second.session.isOver]).toEqual([false, false]);
    first.session.dispatch({ type: 'end', reason: 'stopped' });
    await authority.watch(token('alice'));
    expect(second.session.isOver).toBe(false);
  });

  test('one whose control socket is lost gives way, and is not resumed any more; one that was resumed does not', async () => {
    const authority = new AuthorityHarness(oldest);
    await authority.live();
    const ghost = await authority.watch(token('alice'));
    await ghost.confirm(1);
    ghost.session.lost(ghost);
    const next = await authority.watch(token('alice'));
    await settled();
    expect(ghost.session.isOver).toBe(true);
    next.session.lost(next);
    next.session.dispatch({ type: 'resumed' });
    await expect(authority.watch(token('alice'))).rejects.toMatchObject({ code: 'viewing-limit' });
  });

  test('one whose socket is dead without a word keeps its viewer out until the deadline of its receipt, no longer', async () => {
    const authority = new AuthorityHarness(oldest);
    await authority.live();
    const ghost = await authority.watch(token('alice'));
    await ghost.confirm(1);
    await authority.pass(PERIOD_MS);
    await expect(authority.watch(token('alice'))).rejects.toMatchObject({ code: 'viewing-limit' });
    authority.authority.broadcasts.get('news')?.began(2, authority.time.nowMs());
    await authority.pass(PERIOD_MS);
    expect(ghost.ended).toBe('unconfirmed');
    await authority.watch(token('alice'));
  });
});

describe('keys that are not confirmed', () => {
  test('make a viewer that asks anew instead wait', async () => {
    const authority = new AuthorityHarness();
    // It counts from the moment that they are over, however long it takes to record that.
    authority.slow = { kind: 'viewing-ended', until: new Promise(() => undefined) };
    await authority.live();
    for (let asked = 0; asked < 4; asked++) await authority.watch(token('eve'));
    await expect(authority.watch(token('eve'))).rejects.toMatchObject({ code: 'try-later' });
  });

  test('and are still awaited by viewings that go on keep no viewer from another one', async () => {
    const authority = new AuthorityHarness({ maxViewingsPerViewer: 5 });
    await authority.live();
    const all: Viewer[] = [];
    for (let asked = 0; asked < 5; asked++) all.push(await authority.watch(token('alice')));
    for (const viewer of all) await viewer.confirm(1);
    for (const viewer of all) viewer.session.dispatch({ type: 'end', reason: 'stopped' });
    await settled();
    await authority.watch(token('alice'));
  });
});
