import { Flag } from '../../src/media/chunk.ts';
import type { FakeServer } from './fake-server.ts';
import type { Clip } from './test-clip.ts';

/**
 * Sends a clip through a fake server in real time, as a player needs it, to whoever has a media socket. Who joins late gets what
 * joiners get: the preamble and everything since the last keyframe.
 */
export class FakeBroadcast {
  readonly #server: FakeServer;
  readonly #clip: Clip;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sinceKeyframe: Buffer[] = [];
  #preamble: Buffer = Buffer.alloc(0);
  #connections = 0;

  constructor(server: FakeServer, clip: Clip) {
    this.#server = server;
    this.#clip = clip;
  }

  /** `newEpochAtMs`: the first keyframe from then on is sealed under the next key. */
  start({ newEpochAtMs = Number.POSITIVE_INFINITY } = {}): void {
    const beganMs = performance.now();
    const tags = this.#clip.tags.values();
    let changed = false;
    let next = tags.next();
    if (Number.isFinite(newEpochAtMs)) {
      this.#server.prepareEpoch();
      void this.#server.sendKey(this.#server.epoch + 1);
    }
    this.#seal(Flag.preamble, this.#clip.preamble);
    const send = () => {
      for (; next.value !== undefined && next.value.atMs <= performance.now() - beganMs; next = tags.next()) {
        const { atMs, flags, bytes } = next.value;
        if (flags & Flag.keyframe && atMs >= newEpochAtMs && !changed) {
          changed = true;
          this.#server.beginEpoch();
          this.#seal(Flag.preamble, this.#clip.preamble);
        }
        this.#seal(flags, bytes);
      }
      this.#timer = setTimeout(send, 10);
    };
    send();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #seal(flags: number, plaintext: Buffer): void {
    const sealed = this.#server.seal(flags, plaintext);
    if (this.#server.mediaConnections > this.#connections && this.#connections > 0) {
      this.#server.sendChunks(this.#preamble, ...this.#sinceKeyframe);
    }
    this.#connections = this.#server.mediaConnections;
    this.#server.sendChunks(sealed);
    if (flags & Flag.preamble) this.#preamble = sealed;
    else this.#sinceKeyframe = flags & Flag.keyframe ? [sealed] : [...this.#sinceKeyframe, sealed];
  }
}
