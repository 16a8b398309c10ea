import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from 'pino';
import type { Bus } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Broadcast } from '../ingest/broadcast.ts';
import type { SealedChunk } from '../media/chunk.ts';
import { Chunker } from '../media/chunker.ts';
import { KeyframeCache } from '../media/keyframe-cache.ts';
import { Sealer } from '../media/sealer.ts';
import type { AuthorityEnd, KeySource } from './key-source.ts';

export interface MediaPathPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly bus: Bus;
  readonly keys: KeySource;
  /** No key came in time, so that nothing can be sent until one comes. */
  starved(): void;
  /** Ends the broadcast here because the authority has. */
  end(reason: AuthorityEnd): void;
}

/**
 * The media path of one broadcast, from the broadcaster's FLV tags to sealed chunks on the bus, under keys that the authority
 * offers. Resolves when the broadcast is over.
 */
export async function encrypt(broadcast: Broadcast, ports: MediaPathPorts): Promise<void> {
  const { clock, timers, bus, keys } = ports;
  const { program } = broadcast;
  const log = ports.log.child({ program, broadcast: broadcast.id });
  const sealer = new Sealer({
    clock,
    timers,
    onBegan: ({ epoch, atMs, forced }) => {
      log.debug({ epoch, forced }, 'epoch began');
      reports.began(epoch, atMs);
    },
    onStarved: () => {
      ports.starved();
      log.error(
        'no key for the next epoch: nothing is sent until there is one; see why the authority is away, or its ledger cannot be written',
      );
    },
  });
  const reports = keys.begin(program, broadcast.id, {
    offer: (offer) => sealer.offer(offer),
    end: (reason) => ports.end(reason),
  });
  broadcast.on('away', () => {
    sealer.suspend();
    reports.away();
  });
  broadcast.on('back', () => reports.back());
  let ended = false;
  broadcast.on('ended', (reason) => {
    ended = true;
    reports.ended(reason === 'program-removed' || reason === 'shutdown' ? reason : 'broadcast-ended');
    // A chunk that waits for a key would wait for ever.
    sealer.destroy();
  });
  const joining = new KeyframeCache<SealedChunk>(clock);
  const stopServing = bus.chunks.serveCatchUp(program, () => [...joining]);
  const toBus = new Writable({
    objectMode: true,
    write: (chunk: SealedChunk, _, done) => {
      joining.add(chunk);
      bus.chunks.publish(program, chunk);
      done();
    },
  });
  try {
    await pipeline(broadcast.tags, new Chunker(), sealer, toBus);
  } catch (error) {
    if (!ended) throw error;
  } finally {
    stopServing();
  }
}
