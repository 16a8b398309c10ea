import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { publishFile } from '../../src/ingest/publisher.ts';
import { RawViewer } from '../e2e/raw-viewer.ts';
import { type Charge, RelayProcess, Scratch, signedToken, until } from '../e2e/relay-process.ts';
import { missing, newestKey, picture, SLACK_MS } from './picture.ts';

/** A keyframe every 2 s. */
const CLIP = fileURLToPath(new URL('../../config/demo/clip.flv', import.meta.url));
/** So that each epoch begins with the next keyframe, and lasts 2 s; and keys come early enough for a machine that is busy. */
export const PERIOD_MS = 1_900;
const KEYS = { periodMs: PERIOD_MS, leadMs: 600, spreadMs: 400, graceMs: 700 };
export const PROGRAM = 'news';

export type Viewers = Readonly<Record<string, unknown>>;

/** A relay process with a program on the air, and one honest viewer after another beside those who cheat. */
export class Show {
  readonly #scratch: Scratch;
  readonly #viewers: Viewers;
  #relay!: RelayProcess;
  #publishUrl = '';
  #onAir = new AbortController();
  #publishing: Promise<void> = Promise.resolve();
  #shows = 0;

  private constructor(scratch: Scratch, viewers: Viewers) {
    this.#scratch = scratch;
    this.#viewers = viewers;
  }

  /** @param viewers of the relay's configuration */
  static async start(viewers: Viewers = {}): Promise<Show> {
    const show = new Show(new Scratch(), viewers);
    await show.#serve();
    const { streamKey } = await show.#relay.addProgram(PROGRAM);
    show.#publishUrl = streamKey;
    await show.#relay.addProgram('sport');
    await show.#publish();
    return show;
  }

  get relay(): RelayProcess {
    return this.#relay;
  }

  async #serve(): Promise<void> {
    this.#relay = await RelayProcess.start(this.#scratch, { keys: KEYS, viewers: this.#viewers });
  }

  async #publish(): Promise<void> {
    const { signal } = this.#onAir;
    const url = `${this.#relay.rtmpUrl}/${PROGRAM}?key=${this.#publishUrl}`;
    this.#publishing = publishFile(CLIP, url, { loop: true, signal }).catch(() => undefined);
    await until(() => this.#relay.isLive(), 'on the air');
  }

  /** The relay is killed, and another one takes its place; the broadcaster comes back. */
  async diesAndReturns(): Promise<void> {
    await this.#relay.kill();
    await this.#offAir();
    await this.#serve();
    await this.#publish();
  }

  async #offAir(): Promise<void> {
    this.#onAir.abort();
    await this.#publishing;
    this.#onAir = new AbortController();
  }

  async close(): Promise<void> {
    await this.#offAir();
    await this.#relay.stop();
    this.#scratch[Symbol.dispose]();
  }

  token(viewer: string): Promise<string> {
    return signedToken(this.#relay.data, PROGRAM, viewer);
  }

  /** One that has not connected. */
  stranger(): RawViewer {
    return new RawViewer(this.#relay.httpUrl);
  }

  /** Asks to watch. @param answers whether it answers every key */
  async asks(viewer: string, { answers = true, token }: { answers?: boolean; token?: string } = {}): Promise<RawViewer> {
    const raw = this.stranger();
    raw.answers = () => answers;
    await raw.watch(PROGRAM, token ?? (await this.token(viewer)));
    return raw;
  }

  /** Watches, and has begun to see. */
  async watches(viewer: string, token?: string): Promise<RawViewer> {
    const raw = await this.asks(viewer, token === undefined ? {} : { token });
    await until(() => raw.chunks.length > 5, `chunks came to ${viewer}`).catch((error) => {
      throw new Error(`${error}\n${JSON.stringify(raw.messages)}\n${this.#relay.log}`);
    });
    return raw;
  }

  /** What the ledger says that a viewer owes. */
  async bill(viewer: string): Promise<Charge | undefined> {
    const own = (await this.#relay.charges()).filter((charge) => charge.viewer === viewer);
    expect(own.length).toBeLessThanOrEqual(1);
    return own[0];
  }

  /** Milliseconds of billable time of a viewer, viewings together. */
  async billedMs(viewer: string): Promise<number> {
    return (await this.bill(viewer))?.viewings.reduce((sum, { billableMs }) => sum + billableMs, 0) ?? 0;
  }

  /** Plays a cheat beside an honest viewer, which notices nothing of it and pays for what it saw. */
  async beside(cheat: (honest: RawViewer) => Promise<void>): Promise<void> {
    const name = `honest-${++this.#shows}`;
    const honest = await this.watches(name);
    await cheat(honest);
    const seen = honest.chunks.length;
    await until(() => honest.chunks.length > seen + 5, 'the honest viewer goes on watching');
    honest.say({ type: 'stop' });
    const { reason, usage } = await until(() => honest.last('ended'), 'the honest viewer has stopped');
    expect(reason).toBe('stopped');
    expect(honest.messages.filter(({ type }) => type === 'error')).toEqual([]);
    const { seenMs, freeMs } = picture(honest);
    expect(missing(honest)).toBe(0);
    const bill = await this.bill(name);
    expect(bill).toMatchObject({ endedBy: 'stopped', viewings: [{ billableMs: usage.billableMs }] });
    expect(bill?.billableSeconds).toBe(Math.ceil(usage.billableMs / 1_000));
    expect(Math.abs(seenMs - freeMs - usage.billableMs)).toBeLessThan(SLACK_MS);
  }
}

/** Waits for a viewer's first key. @returns the newest epoch that it has the key of */
export async function firstKey(viewer: RawViewer): Promise<number> {
  await until(() => viewer.keys.size > 0, 'a key');
  return newestKey(viewer);
}
