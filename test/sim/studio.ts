import type { Logger } from 'pino';
import type { Bus } from '../../src/bus/bus.ts';
import type { KeySource } from '../../src/encryptor/key-source.ts';
import { encrypt } from '../../src/encryptor/media-path.ts';
import { Broadcasts } from '../../src/ingest/broadcasts.ts';
import type { Oracle } from './oracle.ts';
import type { SimProcess } from './time.ts';

/** How long a broadcaster may be away. */
export const AWAY_MS = 4_000;

export interface StudioPorts {
  readonly name: string;
  readonly process: SimProcess;
  readonly bus: Bus;
  readonly keys: KeySource;
  readonly oracle: Oracle;
  readonly log: Logger;
}

/** Where broadcasters come to, and what they send is sealed: in the authority's process, or elsewhere. The real registry and media path. */
export class SimStudio {
  readonly name: string;
  readonly process: SimProcess;
  readonly broadcasts: Broadcasts;

  constructor({ name, process, bus, keys, oracle, log }: StudioPorts) {
    this.name = name;
    this.process = process;
    const watched = watchedKeys(keys, process, oracle);
    const seen = watchedBus(bus, process, oracle);
    this.broadcasts = new Broadcasts({
      graceMs: AWAY_MS,
      clock: process,
      timers: process,
      log,
      verify: (program, streamKey) => keys.verify(program, streamKey),
      timelineStartMs: (program) => keys.timelineStartMs(program),
      onBroadcast: (broadcast) => {
        oracle.broadcastBegan(broadcast.id, process);
        const end = (reason: Parameters<Broadcasts['end']>[1]) => this.broadcasts.end(broadcast.program, reason);
        const starved = (): void => oracle.count('epochs without a key');
        const ports = { clock: process, timers: process, log, bus: seen(broadcast.id), keys: watched, end, starved };
        encrypt(broadcast, ports).catch(() => end('failed'));
      },
    });
  }
}

/** Tells the oracle of each key that comes and each epoch that begins. What a dead process still does reaches nobody. */
function watchedKeys(keys: KeySource, process: SimProcess, oracle: Oracle): KeySource {
  return {
    verify: (program, streamKey) => keys.verify(program, streamKey),
    timelineStartMs: (program) => keys.timelineStartMs(program),
    begin(program, run, encryptor) {
      const reports = keys.begin(program, run, {
        offer(offer) {
          if (!process.isAlive) return;
          oracle.keyMade(program, offer.key.epoch, offer.key.contentKey, process);
          encryptor.offer(offer);
        },
        end(reason) {
          if (process.isAlive) encryptor.end(reason);
        },
      });
      const whileAlive = (tell: () => void) => {
        if (process.isAlive) tell();
      };
      return {
        began: (epoch, atMs) =>
          whileAlive(() => {
            oracle.began(program, epoch, run);
            reports.began(epoch, atMs);
          }),
        away: () => whileAlive(() => reports.away()),
        back: () => whileAlive(() => reports.back()),
        ended: (reason) => whileAlive(() => reports.ended(reason)),
      };
    },
  };
}

/** Tells the oracle of each chunk of a run that leaves. */
const watchedBus =
  (bus: Bus, process: SimProcess, oracle: Oracle) =>
  (run: string): Bus => ({
    ...bus,
    chunks: {
      ...bus.chunks,
      publish(program, chunk) {
        if (!process.isAlive) return;
        oracle.sealed(program, chunk, run);
        bus.chunks.publish(program, chunk);
      },
    },
  });
