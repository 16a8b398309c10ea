/**
 * What the watch page uses of mpegts.js 1.8.2. Its own declaration describes an ES module whose default export is the player,
 * while the file that it ships is the player itself (CommonJS); and it has no class to derive a loader from.
 */
declare module 'mpegts.js/dist/mpegts.js' {
  /** Brings media bytes to the demuxer. */
  class BaseLoader {
    constructor(type: string);
    protected _status: number;
    protected _needStash: boolean;
    /** Given by the demuxer before `open`, and taken away by `destroy`. Offsets and counts are bytes. */
    onDataArrival: ((chunk: ArrayBuffer, byteStart: number, receivedLength: number) => void) | null;
    onComplete: ((rangeFrom: number, rangeTo: number) => void) | null;
    open(source: unknown, range: unknown): void;
    abort(): void;
    destroy(): void;
  }

  interface Player {
    attachMediaElement(element: HTMLMediaElement): void;
    load(): void;
    destroy(): void;
    on(event: string, listener: (type: string, detail: string, info: unknown) => void): void;
  }

  interface Config {
    readonly customLoader: new () => BaseLoader;
    readonly enableWorker: boolean;
    readonly enableStashBuffer: boolean;
    readonly lazyLoad: boolean;
    readonly liveSync: boolean;
    readonly autoCleanupSourceBuffer: boolean;
    readonly autoCleanupMaxBackwardDuration: number;
    readonly autoCleanupMinBackwardDuration: number;
  }

  const mpegts: {
    isSupported(): boolean;
    createPlayer(source: { type: 'flv'; isLive: true; url: string }, config: Config): Player;
    readonly BaseLoader: typeof BaseLoader;
    readonly LoaderStatus: { readonly kIdle: 0; readonly kConnecting: 1; readonly kBuffering: 2; readonly kComplete: 4 };
    readonly Events: { readonly ERROR: string };
    readonly LoggingControl: { enableAll: boolean };
  };

  export default mpegts;
}
