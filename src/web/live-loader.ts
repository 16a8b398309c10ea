import mpegts from 'mpegts.js/dist/mpegts.js';
import type { FlvQueue } from '../viewer/flv-queue.ts';

/** A loader class for one player, which reads what the viewer's client passes on. The queue holds what comes before it opens. */
export function liveLoader(queue: FlvQueue): new () => InstanceType<typeof mpegts.BaseLoader> {
  return class LiveLoader extends mpegts.BaseLoader {
    constructor() {
      super('tollcast');
    }

    override open(): void {
      this._status = mpegts.LoaderStatus.kBuffering;
      void this.#read();
    }

    override abort(): void {
      this._status = mpegts.LoaderStatus.kComplete;
      void queue.return();
    }

    override destroy(): void {
      this.abort();
      super.destroy();
    }

    async #read(): Promise<void> {
      let receivedBytes = 0;
      for await (const bytes of queue) {
        // A copy: what the client compares the next preamble with must not be the demuxer's to change.
        const chunk = Uint8Array.from(bytes).buffer;
        const byteStart = receivedBytes;
        receivedBytes += bytes.length;
        this.onDataArrival?.(chunk, byteStart, receivedBytes);
      }
      this._status = mpegts.LoaderStatus.kComplete;
      if (receivedBytes > 0) this.onComplete?.(0, receivedBytes - 1);
    }
  };
}
