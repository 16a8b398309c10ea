import { afterEach } from '@jest/globals';
import { pino } from 'pino';
import { type Clock, systemClock, systemTimers, type Timers } from '../../src/clock.ts';
import type { IngestLimits } from '../../src/ingest/limits.ts';
import type { PublicationEnd, PublishDecision, PublishRequest, Refusal } from '../../src/ingest/publication.ts';
import { RtmpServer, type RtmpServerOptions } from '../../src/ingest/rtmp-server.ts';
import type { FlvTag, FlvTags } from '../../src/media/flv.ts';

/** What arrived of one publication. */
export class Arrivals {
  readonly writes: FlvTags[] = [];
  end: PublicationEnd | undefined;
  /** What `write` answers. */
  hasRoom = true;
  kick: (why: Refusal) => void = () => undefined;
  drain: () => void = () => undefined;
  #changed = Promise.withResolvers<void>();

  get tags(): FlvTag[] {
    return this.writes.flat();
  }

  async until(condition: (arrivals: Arrivals) => boolean): Promise<void> {
    while (!condition(this)) await this.#changed.promise;
  }

  changed(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  accept(): PublishDecision {
    return {
      accepted: true,
      sink: {
        write: (tags) => {
          this.writes.push(tags);
          this.changed();
          return this.hasRoom;
        },
        onDrain: (listener) => {
          this.drain = listener;
        },
        onKick: (listener) => {
          this.kick = listener;
        },
        end: (how) => {
          this.end = how;
          this.changed();
        },
      },
    };
  }
}

export interface LogLine {
  readonly msg: string;
  readonly code?: string;
  readonly program?: string;
}

export interface TestServer {
  readonly server: RtmpServer;
  readonly port: number;
  readonly log: LogLine[];
  /** Of the stream key "good", by program. */
  readonly arrivals: Map<string, Arrivals>;
  readonly requests: PublishRequest[];
  close(): Promise<void>;
}

interface TestServerOptions {
  readonly limits?: Partial<IngestLimits>;
  /** In place of the system's. */
  readonly time?: Clock & Timers;
  readonly tls?: RtmpServerOptions['tls'];
  readonly publish?: RtmpServerOptions['publish'];
}

let running: TestServer[] = [];
afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  running = [];
});

/** A server that lets whoever has the stream key "good" publish. It is closed after the test that started it. */
export async function startServer({ publish, limits, time, tls }: TestServerOptions = {}): Promise<TestServer> {
  const log: LogLine[] = [];
  const arrivals = new Map<string, Arrivals>();
  const requests: PublishRequest[] = [];
  const decide = (request: PublishRequest): PublishDecision => {
    requests.push(request);
    if (request.streamKey !== 'good')
      return { accepted: false, code: 'stream-key', message: 'wrong stream key: use the one shown' };
    const arrived = new Arrivals();
    arrivals.set(request.program, arrived);
    return arrived.accept();
  };
  const server = new RtmpServer({
    host: '127.0.0.1',
    port: 0,
    log: pino({ level: 'debug' }, { write: (line) => log.push(JSON.parse(line)) }),
    clock: time ?? systemClock(),
    timers: time ?? systemTimers,
    publish: publish ?? decide,
    limits: { lingerMs: 200, ...limits },
    ...(tls && { tls }),
  });
  const { port } = await server.listen();
  const started: TestServer = { server, port, log, arrivals, requests, close: () => server.close() };
  running.push(started);
  return started;
}

export function arrivalsOf({ arrivals }: TestServer, program: string): Arrivals {
  const found = arrivals.get(program);
  if (found === undefined) throw new Error(`nothing was published as ${program}`);
  return found;
}

/** Until something holds that is seen in the next rounds of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
