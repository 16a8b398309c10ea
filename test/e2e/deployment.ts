import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { freePort } from './free-port.ts';
import { NatsProcess } from './nats-process.ts';
import { Operated, type Scratch, ServerProcess, tollcast } from './relay-process.ts';

export const FORMS = ['relay', 'facility', 'split'] as const;
export type Form = (typeof FORMS)[number];

export const PROGRAM = 'news';

export interface DeploymentOptions {
  readonly keys: { readonly periodMs: number };
  readonly broadcast?: { readonly graceMs: number };
  /** Edges that are processes of their own; a relay has its own edge. */
  readonly edges?: readonly string[];
}

/**
 * A deployment of one of the three forms (DESIGN.md, section 3) as separate processes, all of which come back where they were
 * when they are started again.
 */
export class Deployment extends Operated {
  readonly form: Form;
  readonly processes = new Map<string, ServerProcess>();
  readonly publishUrl: string;
  nats: NatsProcess | undefined;
  readonly #scratch: Scratch;
  readonly #parts: ReadonlyMap<string, Part>;

  private constructor(
    form: Form,
    scratch: Scratch,
    parts: ReadonlyMap<string, Part>,
    urls: { data: string; http: string; rtmp: string; streamKey: string },
  ) {
    super(urls.data, urls.http, urls.rtmp);
    this.form = form;
    this.#scratch = scratch;
    this.#parts = parts;
    this.publishUrl = `${urls.rtmp}/${PROGRAM}?key=${urls.streamKey}`;
  }

  static async start(form: Form, scratch: Scratch, options: DeploymentOptions): Promise<Deployment> {
    const data = scratch.file('data');
    const [httpPort, rtmpPort] = [await freePort(), await freePort()];
    const added = await tollcast(
      'program',
      'add',
      PROGRAM,
      '--title',
      'News',
      '--price',
      '0.60',
      '--currency',
      'EUR',
      '--increment',
      '5',
      '--data',
      data,
      '--json',
    );
    const { streamKey } = JSON.parse(added.stdout) as { streamKey: string };
    const http = { port: httpPort };
    const rtmp = { port: rtmpPort };
    const { keys, broadcast, edges = ['e1'] } = options;
    const parts = new Map<string, Part>();
    let nats: NatsProcess | undefined;
    if (form === 'relay') {
      parts.set('serve', { command: 'serve', config: { http, rtmp, keys, broadcast }, data, forWhom: ['viewers'] });
    } else {
      nats = await NatsProcess.start(scratch, edges);
      for (const edge of edges) {
        const config = { edge, http: { port: await freePort() }, nats: nats.configFor(['edge'], edge) };
        parts.set(edge, { command: 'edge', config, forWhom: ['viewers'] });
      }
      if (form === 'facility') {
        const config = { http, rtmp, keys, broadcast, nats: nats.configFor(['authority', 'encryptor']) };
        parts.set('facility', { command: 'facility', config, data, forWhom: ['viewers'] });
      } else {
        parts.set('authority', {
          command: 'authority',
          config: { http, keys, nats: nats.configFor(['authority']) },
          data,
          forWhom: ['viewers'],
        });
        const secretFile = await encryptorSecret(scratch, data);
        const authority = { url: `ws://127.0.0.1:${httpPort}`, encryptor: 'studio', secretFile };
        const config = {
          http: { port: await freePort() },
          rtmp,
          broadcast,
          authority,
          nats: nats.configFor(['encryptor']),
        };
        parts.set('encryptor', { command: 'encryptor', config, forWhom: ['broadcasters'] });
      }
    }
    const base = '127.0.0.1';
    const urls = { data, http: `http://${base}:${httpPort}`, rtmp: `rtmp://${base}:${rtmpPort}/live`, streamKey };
    const deployment = new Deployment(form, scratch, parts, urls);
    deployment.nats = nats;
    for (const name of parts.keys()) await deployment.startPart(name);
    return deployment;
  }

  /** The process that has the ledger. */
  get authority(): string {
    return this.form === 'relay' ? 'serve' : this.form === 'facility' ? 'facility' : 'authority';
  }

  async startPart(name: string): Promise<void> {
    const part = this.#parts.get(name);
    if (part === undefined) throw new Error(`no part ${name}`);
    this.processes.set(name, await ServerProcess.start(this.#scratch, part.command, part.config, part.forWhom, part.data));
  }

  process(name: string): ServerProcess {
    const found = this.processes.get(name);
    if (found === undefined) throw new Error(`no process ${name}`);
    return found;
  }

  /** What all of its processes logged, for whoever wonders why a test failed. */
  get log(): string {
    return [...this.processes].map(([name, { log }]) => `--- ${name}\n${log}`).join('\n');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.processes.values()].map((process) => process.stop()));
    await this.nats?.kill();
  }
}

interface Part {
  readonly command: string;
  readonly config: object;
  readonly data?: string;
  readonly forWhom: readonly string[];
}

async function encryptorSecret(scratch: Scratch, data: string): Promise<string> {
  const { stdout } = await tollcast('credentials', 'encryptor', 'add', 'studio', '--program', PROGRAM, '--data', data, '--json');
  const { secret } = JSON.parse(stdout) as { secret: string };
  const folder = scratch.file('studio');
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/secret`;
  writeFileSync(file, secret, { mode: 0o600 });
  return readFileSync(file, 'utf8') === '' ? '' : file;
}
