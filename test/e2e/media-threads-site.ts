import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publishFile } from '../../src/ingest/publisher.ts';
import { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, signedToken, until } from './relay-process.ts';

/** A keyframe every 2 s. */
const CLIP = fileURLToPath(new URL('../../config/demo/clip.flv', import.meta.url));
const PROBE = new URL('./media-thread-probe.mjs', import.meta.url);
export const PROGRAM = 'news';

export type Fate = 'throws' | 'exits' | 'hangs';

/** A relay with media threads, on the air. */
export class MediaThreadsSite {
  readonly scratch = new Scratch();
  relay!: RelayProcess;
  readonly #onAir = new AbortController();
  #publishing: Promise<void> = Promise.resolve();

  /** @param fate of the first thread, once `hit` is called: it throws, exits or hangs */
  async start(mediaThreads: number, fate: Fate = 'throws'): Promise<void> {
    this.relay = await RelayProcess.start(
      this.scratch,
      { keys: { periodMs: 2_500 }, viewers: { mediaThreads, mediaPort: 0 } },
      { NODE_OPTIONS: `--import ${PROBE.href}`, MEDIA_THREAD_SOCKETS: this.scratch.file('sockets'), MEDIA_THREAD_FATE: fate },
    );
    const { publishUrl } = await this.relay.addProgram(PROGRAM);
    const { signal } = this.#onAir;
    this.#publishing = publishFile(CLIP, publishUrl, { loop: true, signal }).catch(() => undefined);
    await until(() => this.relay.isLive(), 'on the air');
  }

  async close(): Promise<void> {
    this.#onAir.abort();
    await this.#publishing;
    await this.relay.stop();
    this.scratch[Symbol.dispose]();
  }

  /** Its first thread has its fate. */
  hit(): void {
    process.kill(this.relay.pid, 'SIGUSR2');
  }

  token(viewer: string): Promise<string> {
    return signedToken(this.relay.data, PROGRAM, viewer);
  }

  async watch(viewer: string): Promise<RawViewer> {
    const raw = new RawViewer(this.relay.httpUrl);
    await raw.watch(PROGRAM, await this.token(viewer));
    await until(() => raw.chunks.length > 5, `chunks came to ${viewer}`).catch((error) => {
      throw new Error(`${error}\n${JSON.stringify(raw.messages)}\n${this.relay.log}`);
    });
    return raw;
  }

  /** Sockets that each thread has. */
  get sockets(): readonly number[] {
    return Object.values(JSON.parse(readFileSync(this.scratch.file('sockets'), 'utf8')) as Record<string, number>);
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.relay.httpUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
  }
}
