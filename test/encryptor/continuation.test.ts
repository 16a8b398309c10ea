import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AuthorityHost, GRACE_MS } from './authority-host.ts';
import { Studio, type StudioBroadcast, until } from './studio.ts';

let host: AuthorityHost;
let secret: string;
const studios: Studio[] = [];
const broadcasts: StudioBroadcast[] = [];

beforeEach(async () => {
  ({ host } = await AuthorityHost.start('news', 'sport'));
  secret = host.credential('studio', 'news', 'sport');
});

afterEach(async () => {
  host.isDiskStuck = false;
  for (const broadcast of broadcasts.splice(0)) broadcast.stop();
  for (const studio of studios.splice(0)) await studio.keys.close();
  await host.stop();
});

async function studio(): Promise<Studio> {
  const opened = await Studio.open(host.url, 'studio', secret);
  studios.push(opened);
  return opened;
}

function broadcast(at: Studio, id: string, program = 'news'): StudioBroadcast {
  const begun = at.broadcast(program, id);
  broadcasts.push(begun);
  return begun;
}

const begun = (count: number) => until(() => host.of('epoch-begun').length >= count, `${count} epochs began`);
const passed = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('authority and encryptor die together:', () => {
  const bothDie = async (awayMs: number): Promise<void> => {
    const killed = await studio();
    const first = broadcast(killed, 'b1');
    await begun(1);
    first.stop();
    await host.cut();
    await killed.keys.close();
    await host.restart(awayMs);
    broadcast(await studio(), 'b2');
    await until(() => host.of('broadcast-started').length === 2, 'another process begins');
  };

  test('the next process goes on with the broadcast, as one charge', async () => {
    await bothDie(0);
    expect(host.of('broadcast-started')[1]).toMatchObject({ continues: 'b1' });
  });

  test('after the grace time it is another broadcast', async () => {
    await bothDie(GRACE_MS + 100);
    expect(host.of('broadcast-started')[1]?.continues).toBeUndefined();
  });
});

describe('a broadcast that began anew', () => {
  test('is told of when the ledger has it: if that authority dies before, the next one goes on with what is in there', async () => {
    broadcast(await studio(), 'b1');
    await begun(2);
    host.isDiskStuck = true;
    await host.restart();
    await until(() => host.authority.broadcasts.has('news'), 'the second authority has begun it anew');
    await passed(200);
    host.isDiskStuck = false;
    await host.restart();
    const epochs = host.of('epoch-begun').length;
    await begun(epochs + 2);
    const [, second, ...more] = host.of('broadcast-started');
    expect(more).toEqual([]);
    expect(second?.continues).toBe('b1');
    expect(second?.broadcast).not.toBe('b1');
  });

  test('has an id of its own, also where the encryptor calls it what another program’s is called', async () => {
    const at = await studio();
    broadcast(at, 'b1');
    await begun(1);
    broadcast(at, 'b1', 'sport');
    await until(() => host.of('broadcast-started').length === 2, 'both are in the ledger');
    const [news, sport] = host.of('broadcast-started');
    expect([news?.program, sport?.program]).toEqual(['news', 'sport']);
    expect(sport?.broadcast).not.toBe(news?.broadcast);
    expect(sport?.continues).toBeUndefined();
  });

  test('also before the ledger has the other', async () => {
    const at = await studio();
    host.isDiskStuck = true;
    broadcast(at, 'b1');
    broadcast(at, 'b1', 'sport');
    await until(() => host.authority.broadcasts.size === 2, 'both have begun');
    const [news, sport] = ['news', 'sport'].map((program) => host.authority.broadcasts.get(program)?.id);
    expect(news).not.toBe(sport);
  });
});

test('hand-overs in one second wait for each other: the process that began last has the broadcast in the end', async () => {
  broadcast(await studio(), 'b1');
  await begun(1);
  const second = broadcast(await studio(), 'b2');
  await until(() => second.newest > 0, 'the second has it');
  const third = broadcast(await studio(), 'b3');
  await until(() => third.newest > 0, 'the third has it');
  expect(second.ended).toBe('fenced');
  expect(host.of('broadcast-started')).toHaveLength(1);
});
