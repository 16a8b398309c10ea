import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { clip, publishWithoutEnd } from '../e2e/clip.ts';
import { freePort } from '../e2e/free-port.ts';
import { RawViewer } from '../e2e/raw-viewer.ts';
import { RelayProcess, Scratch, signedToken, until } from '../e2e/relay-process.ts';
import { selfSigned } from '../e2e/self-signed.ts';

export const PROGRAM = 'news';
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
const SAMPLE_MS = 50;

/** What a process has open: gauges of the relay's, and its file descriptors. */
export type Counters = Readonly<Record<string, number>>;
const GAUGES = ['tollcast_sockets', 'tollcast_http_connections', 'tollcast_ingest_connections', 'tollcast_viewings'];

export interface Memory {
  /** Most before, in MB: what is measured from. */
  readonly beforeMb: number;
  /** By how much the most of it was above that. */
  readonly growthMb: number;
}

/** A relay on air, one ordinary viewer that watches throughout, and what is measured of the two. */
export class HostileStage implements AsyncDisposable {
  readonly relay: RelayProcess;
  readonly rtmpsUrl: string;
  /** The ordinary viewer. */
  readonly witness: RawViewer;
  readonly #scratch: Scratch;
  readonly #broadcaster: ChildProcess;
  readonly #viewers: RawViewer[] = [];
  readonly #streamKeys = new Map<string, string>();

  private constructor(scratch: Scratch, relay: RelayProcess, rtmpsUrl: string, broadcaster: ChildProcess) {
    this.#scratch = scratch;
    this.relay = relay;
    this.rtmpsUrl = rtmpsUrl;
    this.#broadcaster = broadcaster;
    this.witness = new RawViewer(relay.httpUrl);
  }

  /** @param sections of the relay's configuration, over those that listen */
  static async open({ http = {}, rtmp = {}, ...sections }: Record<string, object>): Promise<HostileStage> {
    const scratch = new Scratch();
    const { cert, key } = selfSigned('localhost');
    const [certFile, keyFile, port] = [scratch.file('cert.pem'), scratch.file('key.pem'), await freePort()];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    const relay = await RelayProcess.start(scratch, {
      ...sections,
      http: { port: 0, ...http },
      rtmp: { port: 0, ...rtmp },
      rtmps: { port, certFile, keyFile },
      log: { level: 'error' },
    });
    const { publishUrl } = await relay.addProgram(PROGRAM);
    const broadcaster = publishWithoutEnd(clip(), publishUrl);
    const stage = new HostileStage(scratch, relay, `rtmps://127.0.0.1:${port}/live`, broadcaster);
    await until(() => relay.isLive(), 'the program is live');
    await stage.witness.watch(PROGRAM, await stage.token('witness'), TARIFF);
    await until(() => stage.witness.chunks.length > 50, 'the ordinary viewer has chunks');
    // What came before is the catch-up, of which the chunks before the last keyframe are no part.
    stage.#seen();
    return stage;
  }

  token(viewer: string): Promise<string> {
    return signedToken(this.relay.data, PROGRAM, viewer);
  }

  /** What hostile broadcasters publish: a program with its stream key. */
  async publishName(index: number): Promise<string> {
    const name = `hostile-${index}`;
    const known = this.#streamKeys.get(name) ?? (await this.relay.addProgram(name)).streamKey;
    this.#streamKeys.set(name, known);
    return `${name}?key=${known}`;
  }

  /** One that asks as others do, and opens no media socket by itself. */
  hostileViewer(): RawViewer {
    const viewer = new RawViewer(this.relay.httpUrl);
    viewer.opensMedia = false;
    this.#viewers.push(viewer);
    return viewer;
  }

  /** Every hostile viewer goes: it is the relay that closes after a stop. */
  leave(): void {
    for (const viewer of this.#viewers.splice(0))
      if (viewer.control.readyState === viewer.control.OPEN) viewer.say({ type: 'stop' });
  }

  /** Has it watch, up to the ticket. @returns the media socket's path */
  async ticketOf(viewer: RawViewer, name: string): Promise<string> {
    await viewer.watch(PROGRAM, await this.token(name), TARIFF);
    return (await until(() => viewer.last('ticket'), `${name} has a ticket`)).url;
  }

  /** Runs something, and says by how much the relay's memory grew meanwhile. */
  async measured<T>(run: () => Promise<T>, settleMs: number): Promise<Memory & { readonly value: T }> {
    const beforeMb = Math.max(...(await this.#sampledMb(pause(settleMs))).samples);
    const { samples, value } = await this.#sampledMb(run());
    return { beforeMb, growthMb: Math.max(...samples) - beforeMb, value };
  }

  async #sampledMb<T>(running: Promise<T>): Promise<{ samples: number[]; value: T }> {
    const samples = [this.#residentMb()];
    const timer = setInterval(() => samples.push(this.#residentMb()), SAMPLE_MS);
    try {
      return { value: await running, samples };
    } finally {
      clearInterval(timer);
    }
  }

  #residentMb(): number {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.relay.pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) / 1_024;
  }

  /** A metric's value, or the sum of its values by label. */
  async metric(name: string, label = ''): Promise<number> {
    return valueIn(await this.#metrics(), name, label);
  }

  async counters(): Promise<Counters> {
    const text = await this.#metrics();
    const gauges = GAUGES.map((name) => [name, valueIn(text, name, '')] as const);
    return Object.fromEntries([...gauges, ['descriptors', readdirSync(`/proc/${this.relay.pid}/fd`).length]]);
  }

  /** Waits until there is no more of anything than there was. */
  async isBackAt(before: Counters, withinMs: number): Promise<void> {
    let now: Counters = {};
    const isBack = async () => {
      now = await this.counters();
      return Object.entries(before).every(([name, count]) => (now[name] ?? 0) <= count);
    };
    await until(isBack, 'the counters are back', withinMs).catch((error) => {
      throw new Error(`${error}: ${JSON.stringify(before)} became ${JSON.stringify(now)}`);
    });
  }

  /** On a connection of its own, which is over when it is answered. */
  #metrics(): Promise<string> {
    return new Promise((resolve, reject) => {
      get(`${this.relay.httpUrl}/metrics`, { agent: false, headers: { connection: 'close' } }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (more: string) => (text += more));
        answer.on('end', () => resolve(text)).on('error', reject);
      }).on('error', reject);
    });
  }

  /** What the ordinary viewer had to suffer since it was last asked: nothing, if all is well. */
  async harm(): Promise<string[]> {
    const { witness } = this;
    const had = witness.chunks.length;
    await until(() => witness.chunks.length > had + 10, 'the ordinary viewer gets chunks');
    const skipped = witness.chunks.slice(1).flatMap(({ epoch, counter }, at) => {
      const before = witness.chunks[at];
      if (before === undefined || (epoch === before.epoch && counter === before.counter + 1)) return [];
      if (epoch === before.epoch + 1 && counter === 0) return [];
      return [`chunk ${counter} of epoch ${epoch} after ${before.counter} of ${before.epoch}`];
    });
    const ended = witness.messages.filter(({ type }) => type === 'ended' || type === 'error').map((each) => JSON.stringify(each));
    const { epoch = 0 } = witness.chunks.at(-1) ?? {};
    const isConfirmed = witness.messages.some((message) => message.type === 'confirmed' && message.epoch === epoch);
    const dead = this.relay.isRunning ? [] : ['the relay is dead'];
    this.#seen();
    return [...skipped, ...ended, ...(isConfirmed ? [] : [`epoch ${epoch} is not confirmed`]), ...dead];
  }

  /** Lets go of what was looked at, but for the last chunk, which the next has to follow. */
  #seen(): void {
    this.witness.chunks.splice(0, this.witness.chunks.length - 1);
    this.witness.wire.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    this.witness.close();
    this.#broadcaster.kill('SIGKILL');
    await this.relay.stop();
    this.#scratch[Symbol.dispose]();
  }
}

function valueIn(metrics: string, name: string, label: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
