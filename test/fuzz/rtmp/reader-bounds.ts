import { RtmpReader } from '../../../src/ingest/rtmp-reader.ts';

/** Looks into every reader of RTMP in this process: what they keep of messages that have not ended. */
export class ReaderBounds {
  readonly #alloc = RtmpReader.prototype.packetAlloc;
  #fault: string | undefined;

  constructor() {
    const bounds = this;
    RtmpReader.prototype.packetAlloc = function (this: RtmpReader) {
      bounds.#alloc.call(this);
      let bytes = 0;
      for (const { payload } of this.inPackets.values()) bytes += payload.length;
      if (bytes > this.limits.maxUnfinishedBytes) bounds.#fault = `${bytes} bytes of unfinished messages are kept`;
      if (this.inPackets.size > this.limits.maxChunkStreams) bounds.#fault = `${this.inPackets.size} chunk streams are kept`;
    };
  }

  /** @throws Error if more was kept than may be */
  check(): void {
    if (this.#fault !== undefined) throw new Error(this.#fault);
  }

  close(): void {
    RtmpReader.prototype.packetAlloc = this.#alloc;
  }
}
