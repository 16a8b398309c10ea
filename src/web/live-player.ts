import mpegts from 'mpegts.js/dist/mpegts.js';
import type { FlvQueue } from '../viewer/flv-queue.ts';
import { betterPosition, bufferedRanges } from './live-edge.ts';
import { liveLoader } from './live-loader.ts';

const EDGE_CHECK_MS = 500;

/** Whether this browser can play what it is handed piece by piece (Media Source Extensions). */
export const canPlay = (): boolean => mpegts.isSupported();

/** Plays FLV bytes in a video element, close to the live end. */
export class LivePlayer {
  readonly #video: HTMLVideoElement;
  readonly #player: ReturnType<typeof mpegts.createPlayer>;
  readonly #edgeCheck: ReturnType<typeof setInterval>;

  /** `failed` is called with what the browser cannot decode. */
  constructor(video: HTMLVideoElement, bytes: FlvQueue, failed: (detail: string) => void) {
    mpegts.LoggingControl.enableAll = false;
    this.#video = video;
    this.#player = mpegts.createPlayer(
      // `hasAudio` and `hasVideo` stay unset: the FLV header tells. The address is a formality of custom loaders.
      { type: 'flv', isLive: true, url: 'tollcast:' },
      {
        customLoader: liveLoader(bytes),
        enableWorker: false,
        enableStashBuffer: false,
        lazyLoad: false,
        liveSync: true,
        autoCleanupSourceBuffer: true,
        autoCleanupMaxBackwardDuration: 60,
        autoCleanupMinBackwardDuration: 20,
      },
    );
    this.#player.on(mpegts.Events.ERROR, (_type, detail) => failed(detail));
    this.#player.attachMediaElement(video);
    this.#player.load();
    this.#edgeCheck = setInterval(() => this.#keepToTheEdge(), EDGE_CHECK_MS);
  }

  /** Begins to play as soon as there is something to play. Without sound, if the browser allows nothing else yet. */
  async play(): Promise<void> {
    try {
      await this.#video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || this.#video.muted) return;
      this.#video.muted = true;
      await this.play();
    }
  }

  destroy(): void {
    clearInterval(this.#edgeCheck);
    this.#player.destroy();
  }

  #keepToTheEdge(): void {
    const { buffered, currentTime, paused, seeking } = this.#video;
    if (paused || seeking) return;
    const position = betterPosition(bufferedRanges(buffered), currentTime);
    if (position !== undefined) this.#video.currentTime = position;
  }
}
