import { mkdirSync, writeFileSync } from 'node:fs';
import { CountingProxy } from './counting-proxy.ts';
import { freePort } from './free-port.ts';
import { NatsProcess } from './nats-process.ts';
import { addProgram, Operated, type Scratch, ServerProcess, tollcast } from './relay-process.ts';

export const FORMS = ['relay', 'facility', 'split'] as const;
export type Form = (typeof FORMS)[number];

export const PROGRAM = 'news';
export const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 10 };
const PRICE = ['--price', TARIFF.pricePerMinute, '--increment', String(TARIFF.incrementSeconds)];

export interface DeploymentOptions {
  readonly keys?: { readonly periodMs: number };
  readonly broadcast?: { readonly graceMs: number };
  /** Edges that are processes of their own; a relay has its own besides. */
  readonly edges?: readonly string[];
  /** Puts a proxy that counts before the authority's HTTP port, and between NATS and the authority and each edge. */
  readonly counted?: boolean;
  /** Of the relay, or of each edge. */
  readonly mediaThreads?: number;
}

/** What of a deployment is a process, and how it is started. */
interface Part {
  readonly command: string;
  readonly config: object;
  readonly data?: string;
  readonly forWhom: readonly string[];
}

/**
 * A deployment of one of the three forms (DESIGN.md, section 3) as separate processes, all of which come back where they were
 * when they are started again.
 */
export class Deployment extends Operated {
  readonly form: Form;
  readonly publishUrl: string;
  readonly nats: NatsProcess | undefined;
  /** By `http`, `authority` (its connection to NATS) or an edge's name (its connection to NATS). */
  readonly proxies = new Map<string, CountingProxy>();
  readonly #scratch: Scratch;
  readonly #options: DeploymentOptions;
  readonly #ports: { readonly http: number; readonly rtmp: number };
  readonly #parts = new Map<string, Part>();
  readonly #processes = new Map<string, ServerProcess>();

  private constructor(
    form: Form,
    scratch: Scratch,
    options: DeploymentOptions,
    site: { data: string; http: number; rtmp: number; streamKey: string; nats: NatsProcess | undefined },
  ) {
    const rtmpUrl = `rtmp://127.0.0.1:${site.rtmp}/live`;
    super(site.data, `http://127.0.0.1:${site.http}`, rtmpUrl);
    this.form = form;
    this.nats = site.nats;
    this.publishUrl = `${rtmpUrl}/${PROGRAM}?key=${site.streamKey}`;
    this.#scratch = scratch;
    this.#options = options;
    this.#ports = site;
  }

  static async start(form: Form, scratch: Scratch, options: DeploymentOptions = {}): Promise<Deployment> {
    const data = scratch.file('data');
    const edges = options.edges ?? (form === 'relay' ? [] : ['e1']);
    const nats = edges.length === 0 ? undefined : await NatsProcess.start(scratch, edges);
    const [http, rtmp, streamKey] = [await freePort(), await freePort(), await addProgram(data, PROGRAM, ...PRICE)];
    const deployment = new Deployment(form, scratch, options, { data, http, rtmp, streamKey, nats });
    try {
      for (const edge of edges) await deployment.#addEdge(edge);
      await deployment.#addServers();
      for (const name of deployment.#parts.keys()) await deployment.startPart(name);
    } catch (error) {
      await deployment.stop();
      throw error;
    }
    return deployment;
  }

  /** The process that has the ledger. */
  get authority(): string {
    return this.form === 'split' ? 'authority' : this.form;
  }

  /** Where viewers find the authority: its port, or what counts before it. */
  get viewersUrl(): string {
    const proxy = this.proxies.get('http');
    return proxy === undefined ? this.httpUrl : `http://127.0.0.1:${proxy.port}`;
  }

  async startPart(name: string): Promise<void> {
    const part = this.#parts.get(name);
    if (part === undefined) throw new Error(`no part ${name}`);
    this.#processes.set(name, await ServerProcess.start(this.#scratch, part.command, part.config, part.forWhom, part.data));
  }

  process(name: string): ServerProcess {
    const found = this.#processes.get(name);
    if (found === undefined) throw new Error(`no process ${name}`);
    return found;
  }

  /** What all of its processes logged, for whoever wonders why a test failed. */
  get log(): string {
    return [...this.#processes].map(([name, { log }]) => `--- ${name}\n${log}`).join('\n');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    await this.nats?.kill();
    for (const proxy of this.proxies.values()) proxy.close();
  }

  async #addServers(): Promise<void> {
    const { data } = this;
    const { keys, broadcast } = this.#options;
    const [http, rtmp] = [{ port: this.#ports.http }, { port: this.#ports.rtmp }];
    if (this.#options.counted) this.proxies.set('http', await CountingProxy.start(http.port));
    const forWhom = ['viewers'];
    if (this.form === 'split') {
      const nats = await this.#natsOf('authority', ['authority']);
      this.#parts.set('authority', { command: 'authority', config: { http, keys, nats }, data, forWhom });
      await this.#addEncryptor({ rtmp, broadcast });
    } else {
      const nats = this.nats?.configFor(['authority', 'encryptor']);
      const command = this.form === 'relay' ? 'serve' : 'facility';
      this.#parts.set(this.form, {
        command,
        config: { http, rtmp, keys, broadcast, viewers: this.form === 'relay' ? this.#viewers : undefined, nats },
        data,
        forWhom,
      });
    }
  }

  /** Of what serves media. */
  get #viewers(): object | undefined {
    const { mediaThreads } = this.#options;
    return mediaThreads === undefined ? undefined : { mediaThreads, mediaPort: 0 };
  }

  async #addEncryptor(config: object): Promise<void> {
    const secretFile = await encryptorSecret(this.#scratch, this.data);
    const authority = { url: this.viewersUrl.replace('http', 'ws'), encryptor: 'studio', secretFile };
    const nats = this.nats?.configFor(['encryptor']);
    const http = { port: await freePort() };
    this.#parts.set('encryptor', {
      command: 'encryptor',
      config: { ...config, http, authority, nats },
      forWhom: ['broadcasters'],
    });
  }

  async #addEdge(edge: string): Promise<void> {
    const config = {
      edge,
      http: { port: await freePort() },
      viewers: this.#viewers,
      nats: await this.#natsOf(edge, ['edge'], edge),
    };
    this.#parts.set(edge, { command: 'edge', config, forWhom: ['viewers'] });
  }

  /** The `nats` section for a part, which may be counted. */
  async #natsOf(name: string, roles: readonly ('authority' | 'edge')[], edge?: string): Promise<object | undefined> {
    if (this.nats === undefined || !this.#options.counted) return this.nats?.configFor(roles, edge);
    const proxy = await CountingProxy.start(this.nats.port);
    this.proxies.set(name, proxy);
    return this.nats.configFor(roles, edge, proxy.port);
  }
}

async function encryptorSecret(scratch: Scratch, data: string): Promise<string> {
  const { stdout } = await tollcast('credentials', 'encryptor', 'add', 'studio', '--program', PROGRAM, '--data', data, '--json');
  const { secret } = JSON.parse(stdout) as { secret: string };
  const folder = scratch.file('studio');
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/secret`;
  writeFileSync(file, secret, { mode: 0o600 });
  return file;
}
