import { expect, jest, test } from '@jest/globals';
import { nodeKeyExchange } from '../../src/authority/key-exchange.ts';
import { AuthorityHarness, settled } from './authority-harness.ts';

test('of a broadcast that is taken over again and again, few keys are kept, and others overwritten', async () => {
  const made = jest.spyOn(nodeKeyExchange, 'proofKey');
  const harness = new AuthorityHarness();
  const live = await harness.live();
  for (let more = 0; more < 20; more++) {
    live.replaced({ offer: () => undefined, end: () => undefined });
    await settled();
  }
  const keys = made.mock.calls.map(([contentKey]) => contentKey);
  made.mockRestore();
  expect(keys).toHaveLength(21);
  const kept = keys.filter((key) => key.some((byte) => byte !== 0));
  expect(kept.length).toBeLessThanOrEqual(5);
  expect(kept.at(-1)).toBe(keys.at(-1));
});

test('of an encryptor that may not be seen any more no gate opens, for a ticket, an answer or somebody new', async () => {
  const harness = new AuthorityHarness();
  const live = await harness.live();
  const [early, late] = [await harness.watch({ viewer: 'ada', id: 't1' }), await harness.watch({ viewer: 'ben', id: 't2' })];
  await early.confirm(1);
  live.shut();
  const publish = jest.spyOn(harness.bus.gates, 'publish');
  live.back();
  live.away();
  harness.authority.newTicket(early.session);
  await late.confirm(1);
  const later = await harness.watch({ viewer: 'cleo', id: 't3' });
  await later.confirm(1);
  expect(publish.mock.calls.map(([, { kind }]) => kind)).not.toContain('open');
  live.replaced({ offer: () => undefined, end: () => undefined });
  await settled();
  live.began(live.lastEpoch, harness.time.nowMs());
  await early.confirm(live.lastEpoch);
  expect(publish.mock.calls.map(([, { kind }]) => kind)).toContain('open');
  publish.mockRestore();
});

test('an epoch whose beginning is heard of late changes nothing of what a viewing came to that has ended meanwhile', async () => {
  const harness = new AuthorityHarness();
  const live = await harness.live();
  const ada = await harness.watch({ viewer: 'ada', id: 't1' });
  await ada.confirm(1);
  await harness.pass(2_000);
  const endedMs = harness.time.nowMs();
  ada.session.dispatch({ type: 'end', reason: 'stopped' });
  await harness.pass(500);
  // Its encryptor's line was cut: it says now what happened half a second before the end.
  live.began(2, endedMs - 500);
  live.began(3, harness.time.nowMs() - 50);
  while (ada.ended === undefined) await settled();
  expect(ada.ended).toBe('stopped');
  await settled();
  expect(harness.entries.filter(({ kind }) => kind === 'epoch-begun').slice(1)).toEqual([
    expect.objectContaining({ epoch: 2, atMs: endedMs }),
    expect.objectContaining({ epoch: 3, atMs: harness.time.nowMs() - 50 }),
  ]);
});

test.each([false, true])(
  'whoever is told its end says whether the bill will say the same (ledger refuses: %s)',
  async (refuses) => {
    const harness = new AuthorityHarness();
    await harness.live();
    const ada = await harness.watch({ viewer: 'ada', id: 't1' });
    await ada.confirm(1);
    const disk = Promise.withResolvers<void>();
    if (refuses) harness.slow = { kind: 'viewing-ended', until: disk.promise };
    ada.session.dispatch({ type: 'end', reason: 'revoked' });
    await harness.pass(1_900);
    expect(ada.ended).toBe(refuses ? undefined : 'revoked');
    await harness.pass(200);
    expect(ada.messages.at(-1)).toMatchObject({ type: 'ended', reason: 'revoked', final: !refuses });
    disk.resolve();
  },
);

test.each(['consent', 'viewing-started', 'served', 'viewing-ended'] as const)(
  'a cost is not final where the ledger did not take what it is made of: %s',
  async (refuses) => {
    const harness = new AuthorityHarness();
    await harness.live();
    harness.refuses = refuses;
    const ada = await harness.watch({ viewer: 'ada', id: 't1' });
    await ada.confirm(1);
    await harness.pass(500);
    harness.served(ada, harness.time.nowMs() - 400, harness.time.nowMs());
    if (refuses !== 'viewing-ended') harness.refuses = undefined;
    ada.session.dispatch({ type: 'end', reason: 'revoked' });
    await harness.pass(2_100);
    expect(ada.messages.at(-1)).toMatchObject({ type: 'ended', usage: { billableMs: 400 }, final: false });
  },
);

test('what an overfull ledger did not take of a broadcast comes later, and in its order', async () => {
  const harness = new AuthorityHarness();
  const live = await harness.live();
  harness.refuses = 'epoch-begun';
  live.began(2, harness.time.nowMs());
  await harness.pass(500);
  harness.refuses = undefined;
  live.began(3, harness.time.nowMs());
  await harness.pass(400);
  const begun = () => harness.entries.flatMap((entry) => (entry.kind === 'epoch-begun' ? entry.epoch : []));
  expect(begun()).toEqual([1]);
  await harness.pass(200);
  expect(begun()).toEqual([1, 2, 3]);
  harness.refuses = 'broadcast-ended';
  live.end('broadcast-ended');
  const ended = () => harness.entries.filter(({ kind }) => kind === 'broadcast-ended').length;
  await harness.pass(900);
  harness.refuses = undefined;
  expect(ended()).toBe(0);
  await harness.pass(200);
  expect(ended()).toBe(1);
});

test('a deadline waits for an answer that has come and is being looked at', async () => {
  const harness = new AuthorityHarness();
  const live = await harness.live();
  const ada = await harness.watch({ viewer: 'ada', id: 't1' });
  await ada.confirm(1);
  await harness.pass(1_900);
  const { verifyReceipt } = nodeKeyExchange;
  const looking = Promise.withResolvers<void>();
  const slow = jest.spyOn(nodeKeyExchange, 'verifyReceipt').mockImplementation(async (...given) => {
    await looking.promise;
    return verifyReceipt(...given);
  });
  const answer = ada.confirm(2);
  while (slow.mock.calls.length === 0) await settled();
  live.began(2, harness.time.nowMs());
  await harness.pass(2_500);
  expect(ada.session.state).toMatchObject({ phase: 'started' });
  expect(ada.session.state.deadlineMs).toBeLessThan(harness.time.nowMs());
  looking.resolve();
  await answer;
  slow.mockRestore();
  expect(ada.session.isOver).toBe(false);
  expect(ada.session.state.confirmedEpoch).toBe(2);
});
