import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Bus, GateChange } from '../../src/bus/bus.ts';
import { joinedBus } from '../../src/bus/joined-bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';

const chunk = (counter: number): SealedChunk => ({ epoch: 1, counter, flags: 2, bytes: Buffer.of(2, 1, counter) });
const closing = (viewing: string): GateChange => ({ kind: 'close', program: 'news', viewing });
const tooSlow = (edge: string) => ({ edge, kind: 'too-slow', viewing: `of ${edge}` }) as const;
const announced = (edge: string) => ({ edge, url: '', viewings: 0, leaving: false });

/** A bus whose snapshots may be asked for, and which says when it is closed. */
class SpiedBus implements Bus {
  readonly #bus = localBus();
  readonly chunks = this.#bus.chunks;
  readonly deliveries = this.#bus.deliveries;
  readonly edges = this.#bus.edges;
  readonly gates: Bus['gates'] = {
    ...this.#bus.gates,
    serveSnapshots: (changes) => {
      this.snapshot = changes;
      return () => {
        this.snapshot = undefined;
      };
    },
  };
  snapshot: ((edge: string) => readonly GateChange[]) | undefined;
  isClosed = false;

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

describe('a bus that joins the edge beside it and edges elsewhere', () => {
  let local: SpiedBus;
  let remote: { authority: SpiedBus; encryptor: SpiedBus };
  let bus: Bus;

  beforeEach(() => {
    local = new SpiedBus();
    remote = { authority: new SpiedBus(), encryptor: new SpiedBus() };
    bus = joinedBus({ local, localEdge: 'local', remote });
  });

  test('gives each chunk to all of them, in order', () => {
    const [here, there, asAuthority] = [collected(local), collected(remote.encryptor), collected(remote.authority)];
    for (const counter of [0, 1, 2]) bus.chunks.publish('news', chunk(counter));
    bus.chunks.publish('sport', chunk(9));
    expect(here).toEqual([0, 1, 2]);
    expect(there).toEqual([0, 1, 2]);
    expect(asAuthority).toEqual([]);
  });

  test('serves catch-ups to all of them, until it is told to stop', async () => {
    const stop = bus.chunks.serveCatchUp('news', () => [chunk(7)]);
    expect(await local.chunks.catchUp('news')).toEqual([chunk(7)]);
    expect(await remote.encryptor.chunks.catchUp('news')).toEqual([chunk(7)]);
    stop();
    expect(await local.chunks.catchUp('news')).toEqual([]);
    expect(await remote.encryptor.chunks.catchUp('news')).toEqual([]);
  });

  test('sends a gate to the edge that it is for and to no other', () => {
    const [here, there] = [gatesOf(local, 'local'), gatesOf(remote.authority, 'e1')];
    const impostor = gatesOf(remote.authority, 'local');
    bus.gates.publish('local', closing('a'));
    bus.gates.publish('e1', closing('b'));
    expect(here).toEqual([closing('a')]);
    expect(there).toEqual([closing('b')]);
    expect(impostor).toEqual([]);
  });

  test('tells an edge elsewhere what it should have open, but not what the local one has', () => {
    const stop = bus.gates.serveSnapshots((edge) => [closing(`of ${edge}`)]);
    expect(remote.authority.snapshot?.('e1')).toEqual([closing('of e1')]);
    expect(remote.authority.snapshot?.('local')).toEqual([]);
    expect(local.snapshot?.('local')).toEqual([closing('of local')]);
    stop();
    expect([local.snapshot, remote.authority.snapshot]).toEqual([undefined, undefined]);
  });

  test('hears what both kinds of edge deliver and announce, and nobody elsewhere who calls itself local', () => {
    const heard: string[] = [];
    const stops = [
      bus.deliveries.subscribe(({ edge, kind }) => void heard.push(`${edge} ${kind}`)),
      bus.edges.subscribe(({ edge }) => void heard.push(`${edge} is there`)),
    ];
    const say = () => {
      local.deliveries.publish(tooSlow('local'));
      local.edges.publish(announced('local'));
      for (const edge of ['e1', 'local']) {
        remote.authority.deliveries.publish(tooSlow(edge));
        remote.authority.edges.publish(announced(edge));
      }
    };
    say();
    expect(heard).toEqual(['local too-slow', 'local is there', 'e1 too-slow', 'e1 is there']);
    for (const stop of stops) stop();
    say();
    expect(heard).toHaveLength(4);
  });

  test('is the local bus to the edge beside it', async () => {
    const gates = gatesOf(bus, 'local');
    const heard: string[] = [];
    local.deliveries.subscribe(({ edge }) => void heard.push(edge));
    remote.authority.deliveries.subscribe(() => void heard.push('elsewhere'));
    const chunks = collected(bus);
    bus.gates.publish('local', closing('a'));
    bus.deliveries.publish(tooSlow('local'));
    bus.chunks.publish('news', chunk(0));
    bus.chunks.serveCatchUp('news', () => [chunk(3)]);
    expect([gates, heard, chunks]).toEqual([[closing('a')], ['local'], [0]]);
    expect(await bus.chunks.catchUp('news')).toEqual([chunk(3)]);
  });

  test('closes all of them', async () => {
    await bus.close();
    expect([local, remote.authority, remote.encryptor].map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
  });
});

/** The counters of the chunks of `news` that arrive. */
function collected(bus: Bus): number[] {
  const counters: number[] = [];
  bus.chunks.subscribe('news', { chunk: ({ counter }) => void counters.push(counter), lost: () => undefined });
  return counters;
}

function gatesOf(bus: Bus, edge: string): GateChange[] {
  const changes: GateChange[] = [];
  bus.gates.subscribe(edge, { change: (change) => void changes.push(change), snapshot: () => undefined });
  return changes;
}
