import { flvHeader } from '../../src/media/flv.ts';
import type { Waiting } from '../../src/viewer/admission.ts';
import type { ViewerObserver, ViewerOptions } from '../../src/viewer/options.ts';
import type { ViewerState } from '../../src/viewer/state.ts';
import { ViewerClient } from '../../src/viewer/viewer-client.ts';
import { Activity } from './activity.ts';
import { type FakeServer, TARIFF } from './fake-server.ts';

/** One FLV tag of a given type, time and body. */
export function flvTag(type: 8 | 9 | 18, timestampMs: number, body: Uint8Array | string): Buffer {
  const data = Buffer.from(body);
  const tag = Buffer.alloc(15 + data.length);
  tag.writeUInt32BE(((type << 24) | data.length) >>> 0, 0);
  tag.writeUInt32BE(((timestampMs << 8) | (timestampMs >>> 24)) >>> 0, 4);
  data.copy(tag, 11);
  tag.writeUInt32BE(11 + data.length, 11 + data.length);
  return tag;
}

export const HEADER = flvHeader({ audio: true, video: true });
export const CONFIGURATION = flvTag(9, 0, 'configuration');
export const PREAMBLE = Buffer.concat([HEADER, CONFIGURATION]);

/** A client that watches the fake server's program, and everything that it has said. */
export class Watcher {
  readonly activity = new Activity();
  readonly states: ViewerState[] = [];
  readonly confirmed: number[] = [];
  readonly refused: string[] = [];
  readonly waiting: Waiting[] = [];
  readonly client: ViewerClient;
  readonly #pieces: Uint8Array[] = [];

  constructor(server: Pick<FakeServer, 'base'>, options: Partial<ViewerOptions> = {}) {
    this.client = ViewerClient.start({
      base: server.base,
      program: 'news',
      token: 'a token',
      tariff: TARIFF,
      random: () => 0,
      observer: this.#observer(),
      ...options,
    });
  }

  /** Everything passed on so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Resolves once that many bytes have been passed on. */
  bytesPassedOn(count: number): Promise<void> {
    return this.activity.until(() => this.bytes.length >= count);
  }

  stateReached(state: ViewerState): Promise<void> {
    return this.activity.until(() => this.client.state === state);
  }

  #observer(): ViewerObserver {
    return {
      state: (state) => this.#note(() => this.states.push(state)),
      waiting: (waiting) => this.#note(() => this.waiting.push(waiting)),
      confirmed: (epoch) => this.#note(() => this.confirmed.push(epoch)),
      refused: (error) => this.#note(() => this.refused.push(error.code)),
      media: (piece) => this.#note(() => this.#pieces.push(piece.bytes)),
    };
  }

  #note(change: () => void): void {
    change();
    this.activity.changed();
  }
}
