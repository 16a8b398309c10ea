import { once } from 'node:events';
import { createServer } from 'node:net';
import { listenError } from '../api/http-server.ts';
import { MEDIA_PORT, type ThreadSettings } from './messages.ts';

/** The port that all media threads listen on. */
export class MediaPort {
  readonly #settings: Pick<ThreadSettings, 'host' | 'http'>;
  /** Threads that have it, or are about to. */
  #threads = 0;
  /** Whether it is free; undefined while nobody asks. */
  #probing: Promise<void> | undefined;
  /** 0 until the first thread has found one, where it is to be any free one. */
  number: number;
  /** Where threads listen, once one of them does. */
  url = '';

  constructor(settings: Pick<ThreadSettings, 'host' | 'http'>) {
    this.#settings = settings;
    this.number = settings.http.port;
  }

  /**
   * Resolves once a thread may listen on it.
   * @throws TollcastError `port-in-use`, `listen-failed`
   */
  async free(): Promise<void> {
    // Where there is a thread, it is that which has the port, or is about to.
    if (this.#threads === 0)
      this.#probing ??= this.#probe().finally(() => {
        this.#probing = undefined;
      });
    await this.#probing;
  }

  /** A thread is about to listen on it. */
  taken(): void {
    this.#threads++;
  }

  /** A thread listens on it. */
  found(url: string): void {
    this.url = url;
    // That which a scheme has by default is not written in its URLs.
    if (this.number === 0) this.number = Number(new URL(url).port);
  }

  /** A thread is dead. */
  left(): void {
    this.#threads--;
  }

  /** Whoever shares a port by `reusePort` finds it free though another process has it, that shares it as well. */
  async #probe(): Promise<void> {
    const { host } = this.#settings;
    const server = createServer();
    try {
      server.listen({ host, port: this.number, exclusive: true });
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, { host, port: this.number, setting: MEDIA_PORT });
    }
    server.close();
    await once(server, 'close');
  }
}
